"""A real istiod on the API server of the tests, and a client that asks it what a proxy of the mesh would be sent."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any

import grpc
import httpx

from extproc.envoyconf.parts import Node
from tests.k8s.cluster import Cluster
from tests.k8s.sent import Sent, routes_of, unpacked
from tests.support.system import free_ports, until
from tools.k8s import programs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # generated in a form that newer versions of pydantic deprecate
    from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse

_STREAM = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_MESH = """
accessLogFile: ""
defaultProviders: {}
trustDomain: cluster.local
"""
_ENVIRON = {
    "PILOT_CERT_PROVIDER": "none",
    "ENABLE_CA_SERVER": "false",
    "ENABLE_LEADER_ELECTION": "false",
    # Filters that only Istio's own Envoy has; they are not ours to look at.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_DISABLE_MX_ALPN": "true",
    "POD_NAMESPACE": "istio-system",
}


class Istiod:
    """`with Istiod(cluster, folder)` starts it and waits until it has read what is applied."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self._folder = cluster, folder
        self._grpc, self._http = free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Istiod:
        (self._folder / "mesh.yaml").write_text(_MESH)
        argv = (
            str(programs.istiod()),
            "discovery",
            f"--kubeconfig={self._cluster.kubeconfig()}",
            "--registries=Kubernetes",
            f"--meshConfig={self._folder / 'mesh.yaml'}",
            f"--grpcAddr=127.0.0.1:{self._grpc}",
            f"--httpAddr=127.0.0.1:{self._http}",
            "--httpsAddr=",
            "--secureGRPCAddr=",
            "--monitoringAddr=",
        )
        with (self._folder / "istiod.log").open("wb") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self._folder, env={**os.environ, **_ENVIRON})
        try:
            until(self._is_ready, 60)
        except AssertionError:
            self._stop()
            raise AssertionError((self._folder / "istiod.log").read_text()[-4000:]) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "it ended"
        try:
            return httpx.get(f"http://127.0.0.1:{self._http}/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def sent(self, node: Node) -> Sent:
        """Ask as a proxy does, and give what that proxy is sent."""
        with grpc.insecure_channel(f"127.0.0.1:{self._grpc}", options=[("grpc.max_receive_message_length", -1)]) as channel:
            asking = _Asking(channel, node)
            clusters, listeners = asking.all_of("envoy.config.cluster.v3.Cluster"), asking.all_of("envoy.config.listener.v3.Listener")
            names = sorted({name for listener in listeners for name in routes_of(listener)})
            routes = asking.all_of("envoy.config.route.v3.RouteConfiguration", names) if names else []
            asking.ends()
            return Sent(clusters, listeners, {route.name: route for route in routes})


class _Asking:
    """One stream of the aggregated discovery service: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol."""

    def __init__(self, channel: grpc.Channel, node: Node) -> None:
        self._node = node
        self._requests: SimpleQueue[Any] = SimpleQueue()
        stream = channel.stream_stream(_STREAM, request_serializer=bytes, response_deserializer=DiscoveryResponse.parse)
        self._responses = stream(iter(self._requests.get, None), timeout=30)

    def all_of(self, kind: str, names: Sequence[str] = ()) -> list[Any]:
        """Ask for resources, acknowledge what comes, and give it unpacked."""
        asked = {"node": self._node, "type_url": f"type.googleapis.com/{kind}", "resource_names": list(names)}
        self._requests.put(DiscoveryRequest.from_dict(asked))
        while True:
            response = next(self._responses)
            told = {"type_url": response.type_url, "version_info": response.version_info, "response_nonce": response.nonce}
            wanted = response.type_url == asked["type_url"]
            self._requests.put(DiscoveryRequest.from_dict({**asked, **told} if wanted else told))
            if wanted:
                return [unpacked(resource) for resource in response.resources]

    def ends(self) -> None:
        self._requests.put(None)


def proxy(kind: str, namespace: str, labels: dict[str, str]) -> Node:
    """Give the node that a proxy says it is: `sidecar` or `router`, in a pod of a namespace with these labels."""
    metadata = {"ISTIO_VERSION": "1.31.1", "CLUSTER_ID": "Kubernetes", "NAMESPACE": namespace, "LABELS": labels}
    return {"id": f"{kind}~10.9.0.1~pod.{namespace}~{namespace}.svc.cluster.local", "metadata": metadata}
