"""A real Kubernetes API server on a real etcd, on loopback, without nodes or controllers: what it admits is what a cluster admits."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.system import free_ports, until
from tools.k8s import programs

Node = dict[str, Any]

RESTRICTED: Node = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_TOKENS = 'admin-token,admin,1,"system:masters"\n'


class Cluster:
    """`with Cluster(folder)` starts both; `kubectl` asks the API server as its administrator."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._etcd_port, self._peer_port = free_ports(3)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        etcd = shutil.which("etcd")
        assert etcd is not None, "no etcd on PATH (Debian: etcd-server)"
        (self._folder / "tokens.csv").write_text(_TOKENS)
        key = self._folder / "key.pem"
        subprocess.run(("openssl", "genrsa", "-out", str(key), "2048"), check=True, capture_output=True)
        store, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        addresses = ("--listen-client-urls", store, "--advertise-client-urls", store, "--listen-peer-urls", peer)
        ring = ("--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}")
        self._start("etcd", etcd, "--data-dir", str(self._folder / "etcd"), *addresses, *ring)
        self._start(
            "api-server",
            str(programs.api_server()),
            f"--etcd-servers={store}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://cluster.local",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--disable-admission-plugins=ServiceAccount",
        )
        until(lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0, 120)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in reversed(self._processes):  # an API server without its etcd would never end
            process.kill()
            process.wait()

    def _start(self, name: str, *argv: str) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            self._processes.append(subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, cwd=self._folder))

    def kubectl(self, *argv: str, manifests: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl; `manifests` are its standard input."""
        how = (
            "--server",
            f"https://127.0.0.1:{self._port}",
            "--token",
            "admin-token",
            "--insecure-skip-tls-verify",
            "--kubeconfig",
            "/dev/null",
        )
        whole = (str(programs.kubectl()), *how, f"--cache-dir={self._folder / 'cache'}", *argv)
        return subprocess.run(whole, input=manifests, capture_output=True, text=True, timeout=60, check=False)

    def apply(self, manifests: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Apply manifests strictly, by the server."""
        return self.kubectl("apply", "--server-side", "--validate=strict", *more, "-f", "-", manifests=manifests)

    def kubeconfig(self) -> Path:
        """Give a file by which other programs ask the API server as its administrator."""
        path = self._folder / "kubeconfig.json"
        server = {"server": f"https://127.0.0.1:{self._port}", "insecure-skip-tls-verify": True}
        named = {"cluster": "c", "user": "u"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": server}],
            "users": [{"name": "u", "user": {"token": "admin-token"}}],
            "contexts": [{"name": "c", "context": named}],
            "current-context": "c",
        }
        path.write_text(json.dumps(config))
        return path

    def mutate(self, name: str, spec: Node) -> None:
        """Put a mutating policy in force, for a namespace of its own with Pod Security `restricted`; a policy of that name is replaced."""
        spec["matchConstraints"]["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": name}}
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        api, named = "admissionregistration.k8s.io/v1", {"name": name}
        objects: list[Node] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {**named, "labels": labels}},
            {"apiVersion": api, "kind": "MutatingAdmissionPolicy", "metadata": named, "spec": spec},
            {"apiVersion": api, "kind": "MutatingAdmissionPolicyBinding", "metadata": named, "spec": {"policyName": name}},
        ]
        done = self.apply("\n---\n".join([json.dumps(one) for one in objects]))
        assert done.returncode == 0, done.stderr


def pod(namespace: str = "team-a", *, env: list[Node] | None = None, labels: dict[str, str] | None = None, **more: Any) -> Node:
    """Give a pod of one container; `more` goes into its spec."""
    container = {"name": "app", "image": "app:1", "securityContext": RESTRICTED, **({"env": env} if env else {})}
    metadata = {"name": "app", "namespace": namespace, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **more}}


def created(cluster: Cluster, made: Node) -> subprocess.CompletedProcess[str]:
    """Create something as a dry run, and say what came of it as JSON."""
    return cluster.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", manifests=json.dumps(made))
