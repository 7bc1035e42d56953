#!/bin/sh
# Tries setup.py's ways of failing and of going on, offline, with small wheels made here.
#   test-setup.sh PYTHON
python=$("${1:-python3}" -c 'import sys; print(sys.executable)')
scripts=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'kill $background 2>/dev/null; rm -rf "$work"' EXIT
background=
tried=0
export PIP_NO_INDEX=1 PIP_FIND_LINKS="$work/wheels"
export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9

# A wheel's contents matter, its code does not: an empty library stands for each of LibTorch's.
mkdir "$work/wheels" "$work/pins"
"$python" - "$work" <<'PYTHON' || exit 1
import hashlib, pathlib, subprocess, sys, zipfile
work = pathlib.Path(sys.argv[1])
library = work / "empty.so"
subprocess.run(["cc", "-shared", "-o", library, "-x", "c", "/dev/null"], check=True)
wheels = {
    "torch-2.0-cp311-cp311-manylinux_2_28_x86_64.whl": [
        "torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1", "torch/lib/libtorch_cuda.so",
        "torch/include/ATen/ATen.h", "torch/include/torch/csrc/stable/c/shim.h"],
    "nvidia_cuda_runtime-1.0-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl": [
        "nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib/libcupti.so.13"],
}
pins = ["# download: 1 MB; free space needed: 1 MB"]
for name, files in wheels.items():
    distribution, version = name.split("-")[:2]
    folder = f"{distribution}-{version}.dist-info"
    with zipfile.ZipFile(work / "wheels" / name, "w") as wheel:
        for file in files:
            wheel.write(library, file)
        wheel.writestr(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        wheel.writestr(f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n")
        wheel.writestr(f"{folder}/RECORD", "")
    digest = hashlib.sha256((work / "wheels" / name).read_bytes()).hexdigest()
    pins.append(f"{distribution.replace('_', '-')}=={version} --hash=sha256:{digest}")
(work / "pins/libtorch-requirements.txt").write_text("\n".join(pins) + "\n")
(work / "pins/fashion-mnist.sha256").write_text(f"{'0' * 64}  train-labels-idx1-ubyte.gz\n")
PYTHON
torch_wheel=$(echo "$work"/wheels/torch-*.whl)
cp "$torch_wheel" "$work/good.whl"

fail() {
    echo "test-setup: $1" >&2
    sed 's/^/    /' "$work/out" "$work/err" >&2
    exit 1
}

setup() { "$python" -B "$scripts/setup.py" --pins "$work/pins" --cache "$cache" "$@" >"$work/out" 2>"$work/err"; }

# expect CODE TEXT WHAT: the last set-up's exit code, and a text in its one sentence (or, on success, in its output).
expect() {
    code=$?
    tried=$((tried + 1))
    [ "$code" -eq "$1" ] || fail "$3: exit code $code instead of $1"
    if [ "$1" -eq 0 ]; then
        [ ! -s "$work/err" ] && { [ -z "$2" ] || grep -q "$2" "$work/out"; } || fail "$3: no '$2'"
    else
        [ "$(wc -l <"$work/err")" -eq 1 ] && grep -q "^setup: .*$2" "$work/err" || fail "$3: not one sentence with '$2'"
    fi
    if [ -e "$cache/tmp" ]; then fail "$3: work in progress was left behind"; fi
}

# until_true COMMAND...: waits for it to succeed, not for ever.
until_true() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || fail "waited 20 s in vain: $*"
        sleep 0.1
    done
}

cache=$work/cache
setup libtorch; expect 0 'Fetching LibTorch 2.0' 'first call'
[ -e "$cache/libtorch/lib/libcudart.so.13" ] && [ ! -e "$cache/libtorch/lib/libtorch_cuda.so" ] && [ ! -e "$cache/downloads" ] \
    || fail 'first call: wrong files'
setup libtorch; expect 0 '' 'second call'
[ ! -s "$work/out" ] || fail 'second call: it did not find everything there'
mv "$cache" "$work/moved cache"; cache="$work/moved cache"
setup libtorch; expect 0 '' 'the cache was moved'
grep -q 'moved\\ cache' "$cache/libtorch/pkgconfig/libtorch.pc" || fail 'the cache was moved: libtorch.pc still has the old place'

echo >"$cache/libtorch/lib/libc10.so"
head -c 2000 "$work/good.whl" >"$torch_wheel"
setup libtorch; expect 1 'torch 2.0 is broken' 'a damaged library, then a truncated download'
cp "$work/good.whl" "$torch_wheel"
mkdir -p "$cache/downloads" "$cache/tmp/leftover" && head -c 2000 "$work/good.whl" >"$cache/downloads/${torch_wheel##*/}"
setup libtorch; expect 0 'whl is broken .* downloading it again' 'a truncated download and other leftovers of an earlier call'
cmp -s "$work/empty.so" "$cache/libtorch/lib/libc10.so" || fail 'the damaged library was not replaced'

cache=$work/offline
PIP_NO_INDEX='' PIP_FIND_LINKS='' PIP_INDEX_URL=http://127.0.0.1:9/ setup libtorch
expect 1 'is there a network' 'no network'
mkdir "$work/huge" && sed 's/needed: 1 MB/needed: 999999999 MB/' "$work/pins/libtorch-requirements.txt" >"$work/huge/libtorch-requirements.txt"
setup --pins "$work/huge" libtorch; expect 1 'needs 999999999 MB free' 'too little free space'

# An index that takes the call and never answers: the moment to be killed in.
"$python" -c "import socket, sys, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); time.sleep(60)" >"$work/port" &
background=$!
until_true [ -s "$work/port" ]
export no_proxy=127.0.0.1
rm "$cache/logs/pip-torch.log"
(
    export PIP_NO_INDEX='' PIP_FIND_LINKS='' PIP_INDEX_URL="http://127.0.0.1:$(cat "$work/port")/"
    exec "$python" -B "$scripts/setup.py" --pins "$work/pins" --cache "$cache" libtorch >"$work/out" 2>"$work/err"
) &
victim=$!
until_true [ -e "$cache/logs/pip-torch.log" ]
# A second set-up waits for the first, and goes on when that has gone.
"$python" -B "$scripts/setup.py" --pins "$work/pins" --cache "$cache" libtorch >"$work/second" 2>&1 &
second=$!
until_true grep -q Waiting "$work/second"
kill "$victim"; wait "$victim"
code=$?; [ "$code" -eq 130 ] && grep -q '^setup: interrupted' "$work/err" || fail "killed in the middle: exit code $code"
wait "$second" || fail 'the set-up that waited failed'
grep -q "process $victim) that is filling" "$work/second" && [ -e "$cache/libtorch/stamp.json" ] || fail 'the set-up that waited did not finish'
tried=$((tried + 2))

cache=$work/data
setup --data "$work/nowhere" data; expect 1 "DATA=$work/nowhere does not exist" 'DATA names no folder'
mkdir -p "$cache/data/fashion-mnist" && echo wrong >"$cache/data/fashion-mnist/train-labels-idx1-ubyte.gz"
setup data; expect 1 'DATA=DIR make run' 'Fashion-MNIST without a network'
grep -q 'train-labels-idx1-ubyte.gz is broken' "$work/out" || ! command -v apt-get >/dev/null || fail 'a broken data file was not named'
touch "$work/file"; cache=$work/file/cache
setup libtorch; expect 1 'Not a directory' 'a cache folder that cannot be made'

# What the machine has to have, on paths that lack one thing each.
cache=$work/tools
mkdir "$work/bin"
PATH=$work/bin setup tools; expect 1 'Swift 6.2 or newer is needed and there is no' 'no Swift'
printf '#!/bin/sh\necho "Swift version 5.9.2 (swift-5.9.2-RELEASE)"\n' >"$work/bin/swift" && chmod +x "$work/bin/swift"
PATH=$work/bin:/usr/bin:/bin setup tools; expect 1 'is Swift 5.9.2' 'an old Swift'
printf '#!/bin/sh\necho "Swift version 6.3.1 (swift-6.3.1-RELEASE)"\n' >"$work/bin/swift"
ln -s "$(command -v sh)" "$work/bin/sh"
PATH=$work/bin setup tools; expect 1 'C compiler is needed' 'no C compiler'
echo "The set-up's $tried cases pass."
