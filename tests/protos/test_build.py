"""protos/build.py as a command and as hatchling's build hook, each in a copy of the repository that has no extproc/pb yet."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = "extproc/pb/envoy/service/ext_proc/v3/external_processor_pb2.py"
PROTO = "envoy/service/ext_proc/v3/external_processor.proto"
WITHOUT_HATCHLING = "import sys, runpy; sys.modules['hatchling'] = None; runpy.run_path('protos/build.py', run_name='__main__')"


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False)


def generated(root: Path) -> dict[str, tuple[bytes, int]]:
    """Content and modification time (ns) of every generated file."""
    files = [path for path in (root / "extproc/pb").rglob("*.py*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a fresh clone has of all that a build needs."""
    root = tmp_path / "copy"
    unwanted = shutil.ignore_patterns("__pycache__", "pb")
    for folder in ("protos", "extproc"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=unwanted)
    for file in ("pyproject.toml", "README.md", ".gitignore"):
        shutil.copy(REPOSITORY / file, root / file)
    return root


def test_a_build_carries_the_modules(copy: Path, tmp_path: Path) -> None:
    done = run("-m", "hatchling", "build", cwd=copy)
    assert done.returncode == 0, done.stderr
    (wheel,) = (copy / "dist").glob("*.whl")
    (sdist,) = (copy / "dist").glob("*.tar.gz")
    wanted = set(generated(copy))
    assert {MODULE, MODULE + "i", "extproc/pb/__init__.py", "extproc/pb/envoy/service/__init__.py"} <= wanted

    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted | {"protos/build.py", f"protos/{PROTO}"} <= inside

    with zipfile.ZipFile(wheel) as archive:
        assert wanted <= set(archive.namelist())
        assert not [name for name in archive.namelist() if name.startswith(("protos/", "envoy/", "tests/"))]
        (metadata,) = [archive.read(name) for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        archive.extractall(tmp_path / "installed")
    # protobuf refuses generated code that is newer than itself, so the wheel has to ask for that version or a later one.
    version = re.search(r"Protobuf Python Version: ([\d.]+)", (copy / MODULE).read_text("utf-8"))
    assert version is not None
    assert f"protobuf>={version[1]}" in email.message_from_bytes(metadata).get_all("Requires-Dist", [])

    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); import {MODULE[:-3].replace('/', '.')} as m; print(m.__file__)"
    )
    elsewhere = run("-I", "-c", script, cwd=tmp_path)
    assert elsewhere.stdout.strip() == str(tmp_path / "installed" / MODULE), elsewhere.stderr


def test_the_command_needs_no_hatchling_and_repeats_itself(copy: Path) -> None:
    done = run("-c", WITHOUT_HATCHLING, cwd=copy)
    assert done.returncode == 0, done.stderr
    first = generated(copy)
    assert MODULE in first
    assert run("protos/build.py", cwd=copy).returncode == 0
    assert generated(copy) == first, "a second run changes nothing, not even a modification time"


def test_nothing_is_imported_from_a_top_level_envoy_package(copy: Path) -> None:
    assert run("protos/build.py", cwd=copy).returncode == 0
    for name, (content, _) in generated(copy).items():
        assert not re.search(rb"^(?:from|import) envoy\b", content, re.MULTILINE), name


def test_check_tells_missing_and_out_of_date(copy: Path) -> None:
    missing = run("protos/build.py", "--check", cwd=copy)
    assert (missing.returncode, missing.stderr) == (1, "extproc/pb is missing; run: python protos/build.py\n")
    assert not (copy / "extproc/pb").exists()

    assert run("protos/build.py", cwd=copy).returncode == 0
    current = run("protos/build.py", "--check", cwd=copy)
    assert (current.returncode, current.stderr) == (0, "")

    with (copy / "protos" / PROTO).open("a") as file:
        file.write("message Added {}\n")
    stale = run("protos/build.py", "--check", cwd=copy)
    assert stale.returncode == 1
    assert re.fullmatch(r"extproc/pb is out of date \(.*external_processor_pb2.py.*\); run: python protos/build.py\n", stale.stderr)


def test_modules_of_a_removed_proto_file_go(copy: Path) -> None:
    assert run("protos/build.py", cwd=copy).returncode == 0
    left_over = copy / "extproc/pb/envoy/gone_pb2.py"
    left_over.write_text("")
    assert "envoy/gone_pb2.py" in run("protos/build.py", "--check", cwd=copy).stderr
    assert run("protos/build.py", cwd=copy).returncode == 0
    assert not left_over.exists()
    assert run("protos/build.py", "--check", cwd=copy).returncode == 0


def test_a_broken_proto_file_fails_and_leaves_the_modules_alone(copy: Path) -> None:
    assert run("protos/build.py", cwd=copy).returncode == 0
    before = generated(copy)
    (copy / "protos" / PROTO).write_text("message {")
    done = run("protos/build.py", cwd=copy)
    assert done.returncode == 1
    assert PROTO in done.stderr
    assert generated(copy) == before
