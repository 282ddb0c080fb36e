"""Bytes written with our messages, read by others, and the other way round; and what importing our messages brings along."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from envoy_data_plane.envoy.config.core import v3 as peer_core
from envoy_data_plane.envoy.extensions.filters.http.ext_proc import v3 as peer_mode
from envoy_data_plane.envoy.service.ext_proc import v3 as peer
from google.protobuf import any_pb2, duration_pb2, struct_pb2, wrappers_pb2

from extproc.pb.envoy.config.core.v3 import base_pb2 as core
from extproc.pb.envoy.data.accesslog.v3 import accesslog_pb2 as accesslog
from extproc.pb.envoy.data.ai.v3 import token_usage_pb2 as usage
from extproc.pb.envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2 as mode
from extproc.pb.envoy.service.accesslog.v3 import als_pb2 as als
from extproc.pb.envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from extproc.pb.envoy.type.ai.v3 import llm_protocol_pb2 as llm
from extproc.pb.envoy.type.v3 import http_status_pb2 as http

REPOSITORY = Path(__file__).resolve().parents[2]
SSE = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

# Envoy's classes are made at run time, so a type checker knows nothing of their fields.
EnvoyClass = Callable[[str, str], Any]


def struct(**values: Any) -> struct_pb2.Struct:
    found = struct_pb2.Struct()
    found.update(values)
    return found


def headers(**values: bytes) -> core.HeaderMap:
    return core.HeaderMap(headers=[core.HeaderValue(key=key.replace("_", "-"), raw_value=value) for key, value in values.items()])


def first_request() -> pb.ProcessingRequest:
    return pb.ProcessingRequest(
        request_headers=pb.HttpHeaders(headers=headers(content_type=b"application/json", x_name=b"caf\xe9"), end_of_stream=False),
        metadata_context=core.Metadata(filter_metadata={"io.example.tenant": struct(id="red", tier=2.0)}),
        attributes={"envoy.filters.http.ext_proc": struct(**{"request.path": "/v1/messages"})},
        protocol_config=pb.ProtocolConfiguration(
            request_body_mode=mode.ProcessingMode.BUFFERED,
            response_body_mode=mode.ProcessingMode.FULL_DUPLEX_STREAMED,
        ),
    )


def routed() -> pb.ProcessingResponse:
    body = b'{"model":"small","messages":[]}'
    own = core.HeaderValueOption(
        header=core.HeaderValue(key="content-length", raw_value=b"%d" % len(body)),
        append_action=core.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
    return pb.ProcessingResponse(
        request_body=pb.BodyResponse(
            response=pb.CommonResponse(
                header_mutation=pb.HeaderMutation(set_headers=[own], remove_headers=["x-api-key"]),
                body_mutation=pb.BodyMutation(body=body),
                clear_route_cache=True,
            )
        ),
        dynamic_metadata=struct(**{"extproc.cascade": struct(outcome="draft", ok=True)}),
    )


def streaming_from_here() -> pb.ProcessingResponse:
    return pb.ProcessingResponse(
        response_headers=pb.HeadersResponse(),
        mode_override=mode.ProcessingMode(response_body_mode=mode.ProcessingMode.FULL_DUPLEX_STREAMED),
        # envoy-data-plane keeps microseconds, no nanoseconds.
        override_message_timeout=duration_pb2.Duration(seconds=30, nanos=5_000),
    )


REQUESTS = {
    "first": first_request(),
    "request body": pb.ProcessingRequest(request_body=pb.HttpBody(body=b'{"model":"auto"}', end_of_stream=True)),
    "response headers": pb.ProcessingRequest(response_headers=pb.HttpHeaders(headers=headers(status=b"503"), end_of_stream=True)),
    "response body": pb.ProcessingRequest(response_body=pb.HttpBody(body=SSE), observability_mode=True),
    "empty last chunk": pb.ProcessingRequest(response_body=pb.HttpBody(end_of_stream=True)),
    "request trailers": pb.ProcessingRequest(request_trailers=pb.HttpTrailers(trailers=headers(x_sum=b"1"))),
    "response trailers": pb.ProcessingRequest(response_trailers=pb.HttpTrailers()),
}
STREAMED = pb.StreamedBodyResponse(body=SSE, end_of_stream=True)
RESPONSES = {
    "continue": pb.ProcessingResponse(request_headers=pb.HeadersResponse()),
    "routed": routed(),
    "streaming from here": streaming_from_here(),
    "replaced": pb.ProcessingResponse(
        response_headers=pb.HeadersResponse(response=pb.CommonResponse(status=pb.CommonResponse.CONTINUE_AND_REPLACE))
    ),
    "streamed": pb.ProcessingResponse(
        response_body=pb.BodyResponse(response=pb.CommonResponse(body_mutation=pb.BodyMutation(streamed_response=STREAMED)))
    ),
    "cleared": pb.ProcessingResponse(
        response_body=pb.BodyResponse(response=pb.CommonResponse(body_mutation=pb.BodyMutation(clear_body=True)))
    ),
    "request trailers": pb.ProcessingResponse(request_trailers=pb.TrailersResponse()),
    "response trailers": pb.ProcessingResponse(
        response_trailers=pb.TrailersResponse(header_mutation=pb.HeaderMutation(remove_headers=["x-sum"]))
    ),
    "immediate": pb.ProcessingResponse(
        immediate_response=pb.ImmediateResponse(
            status=http.HttpStatus(code=http.TooManyRequests), body=b"{}", grpc_status=pb.GrpcStatus(status=8), details="budget"
        )
    ),
    "own stream begins": pb.ProcessingResponse(
        streamed_immediate_response=pb.StreamedImmediateResponse(headers_response=pb.HttpHeaders(headers=headers(status=b"200")))
    ),
    "own stream goes on": pb.ProcessingResponse(streamed_immediate_response=pb.StreamedImmediateResponse(body_response=STREAMED)),
    "own stream ends": pb.ProcessingResponse(
        streamed_immediate_response=pb.StreamedImmediateResponse(trailers_response=headers(x_sum=b"1"))
    ),
}


@pytest.mark.parametrize("message", REQUESTS.values(), ids=REQUESTS.keys())
def test_a_request_survives_envoy_data_plane(message: pb.ProcessingRequest) -> None:
    assert pb.ProcessingRequest.FromString(bytes(peer.ProcessingRequest.parse(message.SerializeToString()))) == message


@pytest.mark.parametrize("message", RESPONSES.values(), ids=RESPONSES.keys())
def test_a_response_survives_envoy_data_plane(message: pb.ProcessingResponse) -> None:
    assert pb.ProcessingResponse.FromString(bytes(peer.ProcessingResponse.parse(message.SerializeToString()))) == message


def test_every_kind_of_message_is_among_the_examples() -> None:
    for examples, oneof in ((REQUESTS, "request"), (RESPONSES, "response")):
        kind = type(next(iter(examples.values()))).DESCRIPTOR.oneofs_by_name[oneof]
        assert {message.WhichOneof(oneof) for message in examples.values()} == {field.name for field in kind.fields}


def test_envoy_data_plane_reads_the_values_that_we_wrote() -> None:
    answer = peer.ProcessingResponse.parse(routed().SerializeToString())
    assert answer.request_body is not None
    assert answer.request_body.response is not None
    assert answer.request_body.response.header_mutation is not None
    (own,) = answer.request_body.response.header_mutation.set_headers
    assert own.header == peer_core.HeaderValue(key="content-length", raw_value=b"31")
    assert own.append_action is peer_core.HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
    override = peer.ProcessingResponse.parse(streaming_from_here().SerializeToString()).mode_override
    assert override == peer_mode.ProcessingMode(response_body_mode=peer_mode.ProcessingModeBodySendMode.FULL_DUPLEX_STREAMED)


def test_fields_that_we_left_out_are_skipped() -> None:
    full = peer.ProcessingRequest(request_body=peer.HttpBody(body=b"{}", end_of_stream=True, grpc_message_compressed=True))
    read = pb.ProcessingRequest.FromString(bytes(full))
    assert (read.WhichOneof("request"), read.request_body.body, read.request_body.end_of_stream) == ("request_body", b"{}", True)


@pytest.mark.envoy
def test_envoys_own_classes_read_our_answers(envoy_class: EnvoyClass) -> None:
    theirs = envoy_class("envoy/service/ext_proc/v3/external_processor.proto", "envoy.service.ext_proc.v3.ProcessingResponse")
    for name, message in RESPONSES.items():
        assert str(theirs.FromString(message.SerializeToString())) == str(message), name


@pytest.mark.envoy
def test_token_usage_comes_out_of_an_access_log_entry(envoy_class: EnvoyClass) -> None:
    theirs = envoy_class("envoy/data/ai/v3/token_usage.proto", "envoy.data.ai.v3.TokenUsage")()
    theirs.model = "small-1"
    theirs.llm_protocol = llm.ANTHROPIC_MESSAGES
    theirs.input_tokens.value = 1200
    theirs.output_tokens.value = 0
    theirs.input_token_details.cached_tokens.value = 1000
    theirs.extraction_status = usage.TokenUsage.PARTIAL
    packed = any_pb2.Any()
    packed.Pack(theirs)

    entry = accesslog.HTTPAccessLogEntry()
    entry.common_properties.metadata.typed_filter_metadata["envoy.ai.token_usage"].CopyFrom(packed)
    entry.response.response_code.CopyFrom(wrappers_pb2.UInt32Value(value=200))
    sent = als.StreamAccessLogsMessage(http_logs=als.StreamAccessLogsMessage.HTTPAccessLogEntries(log_entry=[entry]))

    (received,) = als.StreamAccessLogsMessage.FromString(sent.SerializeToString()).http_logs.log_entry
    read = usage.TokenUsage()
    assert received.common_properties.metadata.typed_filter_metadata["envoy.ai.token_usage"].Unpack(read)
    assert read == usage.TokenUsage(
        llm_protocol=llm.ANTHROPIC_MESSAGES,
        model="small-1",
        input_tokens=wrappers_pb2.UInt64Value(value=1200),
        output_tokens=wrappers_pb2.UInt64Value(value=0),
        input_token_details=usage.InputTokenDetails(cached_tokens=wrappers_pb2.UInt64Value(value=1000)),
        extraction_status=usage.TokenUsage.PARTIAL,
    )
    assert not read.HasField("total_tokens")


def test_importing_our_messages_brings_in_no_other_bindings() -> None:
    modules = [f"extproc.pb.{path.as_posix().replace('/', '.')}" for path in generated_modules()]
    script = f"import sys, importlib\nfor name in {modules}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True, capture_output=True, text=True)
    brought = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"extproc", "google"} <= brought
    assert brought.isdisjoint({"betterproto2", "envoy", "envoy_data_plane", "grpc", "grpc_tools", "pydantic", "xds"})


def generated_modules() -> list[Path]:
    root = Path(pb.__file__).parents[4]
    return [path.relative_to(root).with_suffix("") for path in root.rglob("*_pb2.py")]
