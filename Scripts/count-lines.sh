#!/bin/sh
# Lines of every target, tests and scripts.
for folder in Sources/* Tests/* Reference Scripts Examples; do
    files=$(git ls-files "$folder" | grep -E '\.(swift|cpp|hpp|h|py|sh)$') || continue
    printf '%-28s %6d lines in %3d files\n' "$folder" "$(cat $files | wc -l)" "$(echo "$files" | wc -l)"
done
