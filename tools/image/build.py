"""Builds the Dockerfile for real without a container engine: buildah with chroot isolation, on a base from debootstrap.

Needs root, and Debian's packages `buildah` and `debootstrap`. The base tree is made once, into the cache.

    python -m tools.image.build sidecar build/rootfs     the tree of a target
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_SUITE = "bookworm"
"""The Debian of the Dockerfile's base, which has the same minor version of Python."""
_PACKAGES = "python3,python3-venv,ca-certificates"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its tree, and what it says about itself."""

    tree: Path
    config: dict[str, Any]
    """`User`, `Env`, `Entrypoint`, `Cmd`, `Labels`, `Healthcheck` and more, as the Docker format has them."""

    def command(self) -> list[str]:
        """Give what is run when nothing else is said."""
        return [*self.config["Entrypoint"], *self.config["Cmd"]]


def missing() -> str:
    """Say what keeps this machine from building; empty where nothing does."""
    absent = [tool for tool in ("buildah", "debootstrap", "unshare") if shutil.which(tool) is None]
    if absent:
        return f"not installed: {' '.join(absent)} (Debian: apt-get install buildah debootstrap)"
    return "" if os.geteuid() == 0 else "root is needed"


def base() -> Path:
    """Give the tree of the base image; the first time it is made."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    tree = cache / "cascade-extproc" / f"debian-{_SUITE}-python"
    if not tree.exists():
        part = tree.with_name(f"{tree.name}.{os.getpid()}")
        part.parent.mkdir(parents=True, exist_ok=True)
        _run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(part))
        shutil.rmtree(part / "var/cache/apt", ignore_errors=True)
        part.rename(tree)
    return tree


def build(targets: list[str], into: Path) -> dict[str, Image]:
    """Build targets of the Dockerfile and copy their trees into a folder. CalledProcessError where a step fails; it has said why."""
    tree = base()
    with tempfile.TemporaryDirectory(prefix="cascade-image-") as folder:
        store = Path(folder)
        name = _import(store, tree)
        try:
            return {target: _built(store, name, target, into / target) for target in targets}
        finally:
            _buildah(store, "rm", "--all")
            _buildah(store, "rmi", "--all", "--force")


def _import(store: Path, tree: Path) -> str:
    working = _buildah(store, "from", "scratch")
    _buildah(store, "add", "--quiet", working, str(tree), "/")
    _buildah(store, "commit", "--quiet", "--rm", working, "localhost/cascade-base")
    return "localhost/cascade-base"


def _built(store: Path, name: str, target: str, into: Path) -> Image:
    tag = f"localhost/cascade-{target}"
    mine = [f"{path}:{path}:ro" for path in ("/etc/pip.conf", str(_AUTHORITIES)) if Path(path).exists()]
    volumes = [part for volume in mine for part in ("--volume", volume)]
    how = ("--isolation", "chroot", "--network", "host", "--pull-never", "--format", "docker", "--layers")
    _buildah(store, "build", "--quiet", *how, *volumes, "--build-arg", f"BASE={name}", "--target", target, "--tag", tag, str(_ROOT))
    told = json.loads(_buildah(store, "inspect", "--type", "image", tag))
    working = _buildah(store, "from", "--pull-never", tag)
    mounted = _buildah(store, "mount", working)
    _run("cp", "--archive", mounted, str(into))  # owners and devices as they are: read as a file, /dev/zero has no end
    return Image(into, told["Docker"]["config"])


def _buildah(store: Path, *argv: str) -> str:
    places = ("--root", str(store / "root"), "--runroot", str(store / "run"), "--storage-driver", "vfs")
    return _run("buildah", *places, *argv).strip()


def _run(*argv: str) -> str:
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    for _name, _image in build([sys.argv[1]], Path(sys.argv[2])).items():
        print(f"{_name}: {_image.tree}, runs {' '.join(_image.command())}")
