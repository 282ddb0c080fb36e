"""The error for a conversation that a provider keeps and another is asked about, as the official SDKs understand it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anthropic
import openai
import pytest

from extproc.core.dialects import DIALECTS
from extproc.core.vocabulary import Dialect


@contextmanager
def answering(handle: Callable[[dict[str, Any]], tuple[int, bytes]], seen: list[dict[str, Any]]) -> Iterator[str]:
    """A provider; gives its address."""

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            status, body = handle(seen[-1])
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def message(number: int) -> bytes:
    return json.dumps(
        {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "Yes."}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    ).encode()


def test_anthropics_sdk_sends_the_whole_conversation_again():
    seen: list[dict[str, Any]] = []

    def handle(request: dict[str, Any]) -> tuple[int, bytes]:
        return (200, message(len(seen))) if request["thread"]["type"] == "create" else DIALECTS[Dialect.ANTHROPIC].forgotten()

    with answering(handle, seen) as url, anthropic.Anthropic(api_key="k", base_url=url) as sdk:
        thread = sdk.beta.messages.thread(model="m", max_tokens=9, system="Be brief.")
        for words in ("Is it?", "Really?"):
            assert thread.send({"role": "user", "content": words}).content[0].type == "text"
    assert [request["thread"]["type"] for request in seen] == ["create", "continue", "create"]
    assert [len(request["messages"]) for request in seen] == [1, 1, 3]
    assert seen[-1]["system"] == "Be brief."


def test_openais_sdk_names_what_is_missing():
    seen: list[dict[str, Any]] = []
    with (
        answering(lambda _: DIALECTS[Dialect.OPENAI_RESPONSES].forgotten(), seen) as url,
        openai.OpenAI(api_key="k", base_url=f"{url}/v1") as sdk,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        sdk.responses.create(model="m", input="And?", previous_response_id="resp_1")
    assert (caught.value.code, caught.value.param) == ("previous_response_not_found", "previous_response_id")
    assert len(seen) == 1


def test_chat_completions_has_no_word_for_it():
    status, body = DIALECTS[Dialect.OPENAI_CHAT].forgotten()
    assert status == 400
    assert "as a whole" in json.loads(body)["error"]["message"]
