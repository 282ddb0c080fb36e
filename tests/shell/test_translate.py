"""Envoy's messages in and out: what Envoy demands of an answer stands in it."""

from __future__ import annotations

from resource import RUSAGE_SELF, getrusage

import pytest
from google.protobuf.message import DecodeError

from extproc.config.runtime import METADATA_NAMESPACE
from extproc.core import commands as do
from extproc.core import events as seen
from extproc.core.records import Note
from extproc.core.vocabulary import Outcome, Plan, Role
from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderValueOption
from extproc.pb.envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import HeaderMutation, ProcessingRequest, ProcessingResponse
from extproc.shell.translate import Translator

NOTE = Note(Outcome.SKIPPED, Plan.DRAFT, "anthropic", "small", ("greeting", "short"), "a" * 32, "asked", "chat", 0.125)


def request(kind: str, **fields: object) -> bytes:
    message = ProcessingRequest()
    part = getattr(message, kind)
    part.SetInParent()
    for name, value in fields.items():
        if name == "headers":
            for key, text in value.items():
                part.headers.headers.add(key=key, raw_value=text)
        else:
            setattr(part, name, value)
    return message.SerializeToString()


def reply(translator: Translator, command: do.Command) -> ProcessingResponse:
    data = translator.reply(command)
    assert data is not None
    return ProcessingResponse.FromString(data)


def headers_of(mutation: HeaderMutation) -> dict[str, bytes]:
    assert all(not option.header.value for option in mutation.set_headers), "Envoy reads raw_value"
    return {option.header.key: option.header.raw_value for option in mutation.set_headers}


def asked(kind: str) -> Translator:
    translator = Translator()
    translator.event(request(kind), 1.0)
    return translator


def test_every_kind_of_message_becomes_its_event():
    translator = Translator()
    headers = translator.event(request("request_headers", headers={":path": b"/v1/messages", "x": b"\xff"}, end_of_stream=True), 1.5)
    assert isinstance(headers, seen.RequestHeaders)
    assert (headers.at_s, headers.end, headers.headers.get("x")) == (1.5, True, "ÿ")
    assert translator.event(request("request_body", body=b"{}", end_of_stream=True), 2.0) == seen.RequestBody(2.0, b"{}")
    answer = translator.event(request("response_headers", headers={":status": b"503"}), 3.0)
    assert isinstance(answer, seen.ResponseHeaders)
    assert answer.status == 503
    assert translator.event(request("response_body", body=b"x", end_of_stream=True), 4.0) == seen.ResponseBody(4.0, b"x", True)
    assert translator.event(request("response_trailers"), 5.0) == seen.ResponseTrailers(5.0)


def test_what_we_have_no_use_for_is_no_event():
    assert Translator().event(request("request_trailers"), 1.0) is None
    assert Translator().event(b"", 1.0) is None


def test_garbage_is_a_decode_error():
    with pytest.raises(DecodeError):
        Translator().event(b"\xff\xff\xff", 1.0)


def test_a_body_is_awaited_with_an_empty_answer():
    answer = reply(asked("request_headers"), do.AwaitBody())
    assert answer.WhichOneof("response") == "request_headers"
    assert not answer.request_headers.HasField("response")


def test_a_draft_leaves_with_target_length_and_note():
    answer = reply(asked("request_body"), do.Forward(NOTE, Role.DRAFT, b'{"model":"small"}'))
    common = answer.request_body.response
    assert headers_of(common.header_mutation) == {"x-cascade-target": b"draft", "content-length": b"17"}
    assert {option.append_action for option in common.header_mutation.set_headers} == {HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD}
    assert common.clear_route_cache
    assert common.body_mutation.body == b'{"model":"small"}'
    note = answer.dynamic_metadata.fields[METADATA_NAMESPACE].struct_value.fields
    assert {key: value.string_value for key, value in note.items()} == {
        "outcome": "SKIPPED",
        "model": "small",
        "rules": "greeting,short",
        "trace_id": "a" * 32,
        "more": f"SKIPPED {'a' * 32} greeting,short small  draft anthropic chat 0.125  asked",
    }


def test_an_untouched_request_leaves_with_nothing_but_its_note():
    for kind in ("request_body", "request_headers"):
        answer = reply(asked(kind), do.Forward(NOTE))
        assert answer.WhichOneof("response") == kind
        common = getattr(answer, kind).response
        assert not common.HasField("header_mutation")
        assert not common.HasField("body_mutation")
        assert not common.clear_route_cache


def test_a_rescue_starts_in_full_duplex_with_trailers():
    command = do.StartResponse(200, [("content-type", b"a/b"), ("set-cookie", b"1"), ("set-cookie", b"2")], ("content-type", "x-up"), NOTE)
    answer = reply(asked("response_headers"), command)
    mutation = answer.response_headers.response.header_mutation
    assert headers_of(mutation)[":status"] == b"200"
    assert headers_of(mutation)["x-cascade-outcome"] == b"SKIPPED"
    assert list(mutation.remove_headers) == ["x-up"]
    cookies = [option for option in mutation.set_headers if option.header.key == "set-cookie"]
    assert [option.append_action for option in cookies] == [
        HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
        HeaderValueOption.APPEND_IF_EXISTS_OR_ADD,
    ]
    assert answer.mode_override.response_body_mode == ProcessingMode.FULL_DUPLEX_STREAMED
    assert answer.mode_override.response_trailer_mode == ProcessingMode.SEND


def test_pieces_are_streamed_responses():
    streamed = reply(asked("response_headers"), do.SendBody(b"piece", end=True)).response_body.response.body_mutation.streamed_response
    assert (streamed.body, streamed.end_of_stream) == (b"piece", True)


def test_holding_overrides_the_timeout():
    assert reply(asked("response_headers"), do.Hold(12.5)).override_message_timeout.ToMilliseconds() == 12_500


def test_a_reply_of_our_own_carries_status_headers_and_body():
    immediate = reply(asked("request_headers"), do.Reply(418, [("content-type", b"text/plain")], b"tea", NOTE)).immediate_response
    assert (immediate.status.code, immediate.body) == (418, b"tea")
    assert headers_of(immediate.headers)["x-cascade-rules"] == b"greeting,short"


def test_passing_with_a_note_corrects_the_headers():
    answer = reply(asked("response_headers"), do.PassResponse(NOTE))
    assert headers_of(answer.response_headers.response.header_mutation)["x-cascade-model"] == b"small"
    assert not reply(asked("response_headers"), do.PassResponse()).response_headers.HasField("response")


def test_trailers_are_answered_as_trailers():
    assert reply(asked("response_trailers"), do.EndWithTrailers()).WhichOneof("response") == "response_trailers"


def test_what_is_none_of_envoys_business_has_no_message():
    assert Translator().reply(do.Leave()) is None


def test_answers_leave_nothing_behind():
    """A message of protobuf that is filled again and again keeps all that was ever in it: answers are made anew."""
    translator = asked("request_body")
    note = Note(Outcome.SKIPPED, Plan.DRAFT, "anthropic", "small", (), "t" * 32)
    before = None
    for number in range(120):
        translator.reply(do.Forward(note, Role.DRAFT, b"x" * (1 << 20)))
        before = getrusage(RUSAGE_SELF).ru_maxrss if number == 20 else before
    assert before is not None
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 30_000  # kilobytes; a hundred megabytes have gone through
