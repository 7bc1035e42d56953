#!/bin/sh
# Builds and runs every package under Examples, each a package of its own that depends on ours.
#   test-examples.sh FLAGS-FOR-SWIFT...
set -e
for manifest in Examples/*/Package.swift; do
    [ -f "$manifest" ] || continue
    example=${manifest%/Package.swift}
    echo "$example"
    # Without the flag, SwiftPM does not see files that are new in the package depended on.
    swift build --package-path "$example" --disable-build-manifest-caching "$@"
    swift run --package-path "$example" --skip-build "$@"
done
