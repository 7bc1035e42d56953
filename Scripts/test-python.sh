#!/bin/sh
# Installs the wheel in dist/ into a fresh virtual environment and passes Python/tests there, away from the source tree.
#   test-python.sh PYTHON-WITH-TORCH ARGUMENTS-FOR-PYTEST...
set -e
environment=$("$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
base=$("$1" -c 'import sys; print(sys._base_executable)')
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$base" -m venv --without-pip "$work/venv"
python="$work/venv/bin/python"
# torch and pytest are seen through, as they take minutes to install; the wheel itself is new.
echo "$environment" >"$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch.pth"
"$base" -m pip --python "$python" install --quiet --disable-pip-version-check --no-index --no-deps dist/*.whl
cp -r Python/tests Python/pyproject.toml "$work"
# Where the examples and the documentation are that tests try.
export FOP_REPOSITORY="$PWD"
cd "$work"
"$python" -c 'import sys, torch, fop; assert fop.__file__.startswith(sys.prefix), fop.__file__
print(f"fop {fop.__version__} on torch {torch.__version__}, Python {sys.version.split()[0]}")'
"$python" -B -m pytest -q -p no:cacheprovider "$@"
