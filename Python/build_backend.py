"""Builds the wheel (PEP 517) from pyproject.toml, src/ and the library that `make wheel` built; standard library only.

A wheel of ours is no Python's in particular, but the library makes it one platform's: that is what its tag says.
"""
import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARY = "libFOPExports.so"
LARGEST_WHEEL = 15_000_000


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    library = built_library()
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    check_version(project)
    stem = f"{project['name'].replace('-', '_')}-{project['version']}"
    tag = f"py3-none-{platform_tag(library)}"
    information = f"{stem}.dist-info"
    files = {f"fop/{path.relative_to(HERE / 'src' / 'fop')}": path.read_bytes() for path in sources()}
    files[f"fop/{LIBRARY}"] = stripped(library)
    files[f"{information}/METADATA"] = metadata(project).encode()
    files[f"{information}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: fop build_backend\nRoot-Is-Purelib: false\nTag: {tag}\n").encode()
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={digest(data)},{len(data)}" for name, data in files.items()]
    files[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    wheel = Path(wheel_directory) / f"{stem}-{tag}.whl"
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            # A fixed time: the same sources give the same wheel.
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    size = wheel.stat().st_size
    if size > LARGEST_WHEEL:
        raise SystemExit(f"wheel: {wheel.name} has {size / 1e6:.1f} MB; {LARGEST_WHEEL / 1e6:.0f} MB are allowed")
    return wheel.name


def built_library():
    library = Path(os.environ.get("FOP_LIBRARY", HERE.parent / ".build" / "wheel" / "release" / LIBRARY))
    if not library.is_file():
        raise SystemExit(f"wheel: {library} is missing: `make wheel` builds it")
    return library


def check_version(project):
    found = re.search(r'"(.+)"', (HERE / "src" / "fop" / "_version.py").read_text())[1]
    if found != project["version"]:
        raise SystemExit(f"wheel: pyproject.toml says version {project['version']} and fop/_version.py {found}")


def sources():
    return sorted(path for path in (HERE / "src" / "fop").rglob("*") if path.suffix == ".py" or path.name == "py.typed")


def stripped(library):
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(library, folder)
        subprocess.run(["strip", "--strip-unneeded", copy], check=True)
        return Path(copy).read_bytes()


def platform_tag(library):
    """manylinux_X_Y, for the newest glibc that the library asks for. It needs torch's own libraries besides, which are
    loaded before it, and libstdc++, which they need too."""
    shown = subprocess.run(["objdump", "-T", library], check=True, capture_output=True, text=True).stdout
    versions = {tuple(map(int, found)) for found in re.findall(r"GLIBC_(\d+)\.(\d+)", shown)}
    return "manylinux_{}_{}_x86_64".format(*max(versions))


def metadata(project):
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}",
             f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    lines += [f"Classifier: {classifier}" for classifier in project["classifiers"]]
    lines += ["Description-Content-Type: text/markdown", "", (HERE / project["readme"]).read_text()]
    return "\n".join(lines)


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
