"""Mistakes that one can make in the manifests, each with the first layer that refuses it: planted by the tests, told in the docs."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Layer(StrEnum):
    """What refuses a mistake; each takes what only a later one refuses. Its value is its name in the docs."""

    SCHEMA = "JSON schema (`make k8s-check`)"
    SERVER = "API server, dry run (`make k8s-test`)"
    POD = "a pod that is made (`make k8s-test`)"
    TRANSLATOR = "Envoy Gateway's translator (`make k8s-test`)"
    PROMTOOL = "promtool (`make k8s-check`)"


class Mistake(NamedTuple):
    """In an overlay as it is rendered, `wrong` stands for `right`."""

    what: str
    layer: Layer
    overlay: str
    right: str
    wrong: str


_ADDRESS = "- fqdn:\n      hostname: api.deepseek.com\n      port: 443\n"
_TO_ROUTE = "kind: HTTPRoute\n    name: llm\n"
_TO_GATEWAY = "kind: Gateway\n    name: llm\n"
_WITH_PAIR = "matchLabels:\n      app: assistant\n"

MISTAKES = (
    Mistake("a misspelt key of a container", Layer.SCHEMA, "sidecar", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
    Mistake("a probe with an unknown key", Layer.SCHEMA, "sidecar", "failureThreshold:", "failureTreshold:"),
    Mistake("a port that is no number", Layer.SCHEMA, "sidecar", "containerPort: 9464", "containerPort: admin"),
    Mistake("an unknown key of a metric", Layer.SCHEMA, "gateway", "type: ContainerResource\n", "type: ContainerResource\n    wrong: 1\n"),
    Mistake("replicas in words", Layer.SCHEMA, "gateway", "minReplicas: 2", "minReplicas: two"),
    Mistake("a misspelt key of the budget", Layer.SCHEMA, "gateway", "maxUnavailable: 1\n  selector", "maxUnavailabel: 1\n  selector"),
    Mistake("a misspelt key of a NetworkPolicy", Layer.SCHEMA, "team", "policyTypes", "policyType"),
    Mistake("an unknown key of the policy that injects", Layer.SCHEMA, "enforce", "reinvocationPolicy", "reinvokePolicy"),
    Mistake("an unknown key of Kyverno's policy", Layer.SCHEMA, "kyverno", "patchType", "patchKind"),
    Mistake("an unknown key of the PodMonitor", Layer.SCHEMA, "monitoring", "podMetricsEndpoints", "endpoints"),
    Mistake("an unknown mode of TLS in a DestinationRule", Layer.SCHEMA, "istio", "mode: SIMPLE", "mode: PLAIN"),
    Mistake("an unknown key of a VirtualService", Layer.SCHEMA, "istio", "retries:", "retry:"),
    Mistake("a port of a ServiceEntry without a number", Layer.SCHEMA, "istio", "number: 443", "nummer: 443"),
    Mistake("an unknown API version", Layer.SCHEMA, "istio", "networking.istio.io/v1\n", "networking.istio.io/v2\n"),
    Mistake("an HTTPRoute's duration that is none", Layer.SCHEMA, "envoy-gateway", "request: 0s", "request: never"),
    Mistake("an unknown kind of path match", Layer.SCHEMA, "envoy-gateway", "type: PathPrefix", "type: Prefix"),
    Mistake("an unknown body mode of ext_proc", Layer.SCHEMA, "envoy-gateway", "body: Buffered", "body: BUFFERED"),
    Mistake("a misspelt key of an EnvoyExtensionPolicy", Layer.SCHEMA, "envoy-gateway", "allowModeOverride", "allowModeOverrides"),
    Mistake("an ext_proc timeout without a unit", Layer.SCHEMA, "envoy-gateway", "messageTimeout: 1s", 'messageTimeout: "1"'),
    Mistake("a sidecar whose `restartPolicy` is `always`", Layer.SERVER, "sidecar", "restartPolicy: Always", "restartPolicy: always"),
    Mistake("a mount without its volume", Layer.SERVER, "sidecar", "\n        name: cascade-run", "\n        name: cascade"),
    Mistake(
        "a selector that fits no pod of its Deployment", Layer.SERVER, "sidecar", _WITH_PAIR, _WITH_PAIR.replace("assistant", "another")
    ),
    Mistake("an unknown protocol in a NetworkPolicy", Layer.SERVER, "gateway", "protocol: UDP", "protocol: UPD"),
    Mistake("a VirtualService's timeout of 0 s", Layer.SERVER, "istio", "    retries:", "    timeout: 0s\n    retries:"),
    Mistake("CEL that does not parse", Layer.SERVER, "enforce", "name: c.name,", "name: c.name,,"),
    Mistake("an EnvoyExtensionPolicy aimed at a Service", Layer.SERVER, "envoy-gateway", _TO_ROUTE, "kind: Service\n    name: llm\n"),
    Mistake("failing open, and a body in full duplex", Layer.SERVER, "envoy-gateway", "body: Buffered", "body: FullDuplexStreamed"),
    Mistake("a metadata namespace of Envoy's own", Layer.SERVER, "envoy-gateway", "- extproc.cascade", "- envoy.filters.http.ext_proc"),
    Mistake("a Backend without an address", Layer.SERVER, "envoy-gateway", _ADDRESS, "- hostname: api.deepseek.com\n"),
    Mistake("CEL on a field that no object has", Layer.POD, "enforce", "name: c.name,", "name: c.naam,"),
    Mistake("CEL that makes a field that no object has", Layer.POD, "enforce", "restartPolicy:", "restartPolice:"),
    Mistake("a mutation that Pod Security refuses", Layer.POD, "enforce", "runAsNonRoot: true", "runAsNonRoot: false"),
    Mistake("a mutation that mounts what is not there", Layer.POD, "enforce", 'volumes{name: "cascade-run"', 'volumes{name: "run"'),
    Mistake("a policy for a route that does not exist", Layer.TRANSLATOR, "envoy-gateway", _TO_ROUTE, "kind: HTTPRoute\n    name: lm\n"),
    Mistake("a policy for a Gateway that does not exist", Layer.TRANSLATOR, "envoy-gateway", _TO_GATEWAY, "kind: Gateway\n    name: lm\n"),
    Mistake("a processor that is no Backend", Layer.TRANSLATOR, "envoy-gateway", "      name: cascade-extproc\n", "      name: extproc\n"),
    Mistake("a route of a listener that does not exist", Layer.TRANSLATOR, "envoy-gateway", "sectionName: https", "sectionName: http"),
    Mistake("a patch of a listener that does not exist", Layer.TRANSLATOR, "envoy-gateway", "cascade/llm/https", "cascade/llm/http"),
    Mistake("a patch of a filter that does not exist", Layer.TRANSLATOR, "envoy-gateway", "'envoy.filters.http.ext_proc/.*'", "'ext_proc'"),
    Mistake("a patch with a field that Envoy does not know", Layer.TRANSLATOR, "envoy-gateway", "max_message_timeout", "max_timeout"),
    Mistake("a route without its provider", Layer.TRANSLATOR, "envoy-gateway", "      name: draft\n", "      name: draught\n"),
    Mistake("PromQL that does not parse", Layer.PROMTOOL, "observability/alerts.yaml", "[1d])", "[1d]"),
    Mistake("PromQL with an unknown function", Layer.PROMTOOL, "observability/alerts.yaml", "last_over_time", "latest_over_time"),
    Mistake(
        "a mistake in an alert's template", Layer.PROMTOOL, "observability/alerts.yaml", "{{ $labels.instance }}", "{{ $label.instance }}"
    ),
)
