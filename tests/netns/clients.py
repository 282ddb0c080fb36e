"""Clients that know nothing of us, as processes: `python -m tests.netns.clients WHAT …`; each prints one line of JSON.

The SDKs get a key and nothing else: no base URL, no client of our own. What they trust stands in SSL_CERT_FILE.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
import ssl
import sys
from typing import Any

_MODEL = "claude-opus-4-8"


def by_anthropic(*questions: str) -> dict[str, Any]:
    """Ask by the anthropic SDK, for a whole answer and for a stream."""
    import anthropic

    answers = []
    with anthropic.Anthropic(api_key="client-key", max_retries=0) as client:
        for words in questions:
            asked: Any = {"model": _MODEL, "max_tokens": 256, "messages": [{"role": "user", "content": words}]}
            raw = client.messages.with_raw_response.create(**asked)
            whole = {"outcome": raw.headers.get("x-cascade-outcome"), "model": raw.parse().model}
            with client.messages.stream(**asked) as stream:
                text = "".join(stream.text_stream)
                outcome, message = stream.response.headers.get("x-cascade-outcome"), stream.get_final_message()
            streamed = {"outcome": outcome, "model": message.model, "text": bool(text), "stop": message.stop_reason}
            answers.append({"whole": whole, "streamed": streamed})
        return {"url": str(client.base_url), "answers": answers, "models": [one.id for one in client.models.list()]}


def by_openai(*questions: str) -> dict[str, Any]:
    """Ask by the openai SDK."""
    import openai

    answers = []
    with openai.OpenAI(api_key="client-key", max_retries=0) as client:
        for words in questions:
            raw = client.chat.completions.with_raw_response.create(model=_MODEL, messages=[{"role": "user", "content": words}])
            answers.append({"outcome": raw.headers.get("x-cascade-outcome"), "model": raw.parse().model})
        return {"url": str(client.base_url), "answers": answers}


def echoed(where: str, name: str) -> dict[str, Any]:
    """Open TLS to an address, by a server name or none, and have a lot of bytes sent back. Says whose certificate it was."""
    context = ssl.create_default_context()
    context.check_hostname = bool(name)
    sent = random.Random(1).randbytes(300_000)
    with (
        socket.create_connection((where, 443), timeout=30) as connection,
        context.wrap_socket(connection, server_hostname=name or None) as encrypted,
    ):
        certificate = encrypted.getpeercert(binary_form=True) or b""
        received = b""
        while len(received) < len(sent):
            encrypted.sendall(sent[len(received) : len(received) + 30_000])
            received += _exactly(encrypted, min(30_000, len(sent) - len(received)))
        return {"certificate": hashlib.sha256(certificate).hexdigest(), "same": received == sent}


def _exactly(connection: ssl.SSLSocket, count: int) -> bytes:
    received = b""
    while len(received) < count and (data := connection.recv(count - len(received))):
        received += data
    return received


def heard(where: str, port: str, words: str) -> dict[str, Any]:
    """Listen first, then say something; tell all that came until the server closed."""
    with socket.create_connection((where, int(port)), timeout=30) as connection:
        try:
            received = connection.recv(1000)
            connection.sendall(words.encode() + b"\n")
            while data := connection.recv(1000):
                received += data
        except ConnectionError as error:
            return {"error": type(error).__name__}
        return {"received": received.decode()}


def datagram(where: str, port: str) -> dict[str, Any]:
    """Send a datagram and wait for it to come back, or for the news that it was refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(30)
        connection.connect((where, int(port)))
        try:
            connection.send(b"hello")
            return {"received": connection.recv(100).decode()}
        except (PermissionError, ConnectionRefusedError) as error:
            return {"refused": type(error).__name__}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
