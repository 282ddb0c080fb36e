"""Requests that a careless proxy and a careless provider read in two ways."""

from __future__ import annotations

from dataclasses import dataclass

BODY = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hello!"}]}'
_LENGTH = b"content-length: %d" % len(BODY)
_CHUNKED = b"transfer-encoding: chunked"
_WHOLE = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


@dataclass(frozen=True)
class Case:
    """Bytes with `CASE` in place of a name of their own, and what must come of them."""

    data: bytes
    statuses: tuple[int, ...] = (400,)
    """Of the answers, in order; none where the connection is closed without one."""
    passed: int = 0
    """Requests that reach the provider."""


def _post(*lines: bytes, body: bytes = BODY, first: bytes = b"POST /v1/messages?CASE HTTP/1.1", end: bytes = b"\r\n") -> bytes:
    return end.join([first, b"host: gateway", b"content-type: application/json", *lines]) + end * 2 + body


def _first(line: bytes) -> bytes:
    return _post(_LENGTH, first=line)


def _chunks(body: bytes) -> bytes:
    return _post(_CHUNKED, body=body)


TAIL = b"GET /smuggled?CASE HTTP/1.1\r\nhost: gateway\r\n\r\n"
_LARGE = b"".join(b"x-%d: %b\r\n" % (number, b"a" * 1000) for number in range(600))

REFUSED = {
    # RFC 9112, section 6.3: a message with both, or with lengths that differ, is an attempt to smuggle.
    "both lengths": Case(_post(b"content-length: 6", _CHUNKED, body=b"0\r\n\r\n" + TAIL)),
    "both lengths, turned around": Case(_post(_CHUNKED, b"content-length: 6", body=b"0\r\n\r\n" + TAIL)),
    "two lengths": Case(_post(b"content-length: 0", b"content-length: %d" % len(TAIL), body=TAIL)),
    "the same length twice": Case(_post(_LENGTH, _LENGTH)),
    "a list of lengths": Case(_post(_LENGTH + b", %d" % len(BODY))),
    "a signed length": Case(_post(b"content-length: +%d" % len(BODY))),
    "a negative length": Case(_post(b"content-length: -1")),
    "a hexadecimal length": Case(_post(b"content-length: 0x10")),
    "an underscore in a length": Case(_post(b"content-length: 1_0")),
    "a length beyond 64 bits": Case(_post(b"content-length: 99999999999999999999999")),
    # Section 6.1: codings that are hidden, unknown, or not the last.
    "a blank before the colon": Case(_post(b"transfer-encoding : chunked", _LENGTH)),
    "a coding on a folded line": Case(_post(b"transfer-encoding:", b" chunked", _LENGTH)),
    "a vertical tab in a coding": Case(_post(b"transfer-encoding:\x0bchunked", body=_WHOLE)),
    "a coding after a bare LF": Case(_post(b"x-a: 1\ntransfer-encoding: chunked", _LENGTH)),
    "identity and a length": Case(_post(b"transfer-encoding: identity", _LENGTH)),
    "an unknown coding": Case(_post(b"transfer-encoding: xchunked", body=_WHOLE), (501,)),
    "chunked, but not last": Case(_post(b"transfer-encoding: chunked, identity", body=_WHOLE), (501,)),
    "chunked twice": Case(_post(_CHUNKED, _CHUNKED, body=_WHOLE), (501,)),
    "NUL in a header": Case(_post(b"x-a: 1\x002", _LENGTH)),
    # The request line and the host.
    "no host": Case(b"POST /v1/messages?CASE HTTP/1.1\r\n" + _LENGTH + b"\r\n\r\n" + BODY),
    "a blank in the target": Case(_first(b"POST /v1/messages?CASE HTTP/1.1 HTTP/1.1")),
    "a fragment in the target": Case(_first(b"POST /v1/messages?CASE#/v1/other HTTP/1.1")),
    "another scheme": Case(_first(b"POST https://evil.example:444/v1/messages?CASE HTTP/1.1"), (403,)),
    "HTTP/1.0 in chunks": Case(_post(_CHUNKED, body=_WHOLE, first=b"POST /v1/messages?CASE HTTP/1.0"), (426,)),
    "HTTP/0.9": Case(b"GET /v1/messages?CASE\r\n\r\n", (426,)),
    "HTTP/1.2": Case(_first(b"POST /v1/messages?CASE HTTP/1.2"), (426,)),
    "a host that the connection is said to own": Case(_post(b"connection: host", _LENGTH)),
    "CONNECT": Case(b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n" + TAIL, (404,)),
    # Inside a body that has begun the connection is closed; Envoy's 400 would be the processor's to see, and is not waited for.
    "LF in a chunk's extension": Case(_chunks(b"%x;a\nb\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)), ()),
    "chunks with bare LF": Case(_chunks(b"%x\n%b\n0\n\n" % (len(BODY), BODY)), ()),
    "a chunk of 0x…": Case(_chunks(b"0x%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)), ()),
    "a negative chunk": Case(_chunks(b"-1\r\n" + BODY), ()),
    "a chunk beyond 64 bits": Case(_chunks(b"fffffffffffffffff\r\n" + BODY), ()),
    "more than the chunk says": Case(_chunks(b"%x\r\n%bXX0\r\n\r\n" % (len(BODY), BODY)), ()),
    "trailers of 600 KB": Case(_chunks(b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(BODY), BODY, _LARGE)), ()),
}
"""Nothing of these reaches a provider."""

TAKEN = {
    "as it should be": Case(_post(_LENGTH), (200,), 1),
    "two in a row": Case(_post(_LENGTH) + _post(_LENGTH), (200, 200), 2),
    "a folded header": Case(_post(b"x-a: 1", b" transfer-encoding: chunked", _LENGTH), (200,), 1),
    "bare LF throughout": Case(_post(_LENGTH, end=b"\n"), (200,), 1),
    "a bare CR in a header": Case(_post(b"x-a: 1\rtransfer-encoding: chunked", _LENGTH), (200,), 1),
    "chunks": Case(_chunks(_WHOLE), (200,), 1),
    "a coding in capitals": Case(_post(b"Transfer-Encoding: ChUnKeD", body=_WHOLE), (200,), 1),
    "extensions of chunks": Case(_chunks(b'%x;a=b;c="d"\r\n%b\r\n0;e\r\n\r\n' % (len(BODY), BODY)), (200,), 1),
    "an extension of 60 KB": Case(_chunks(b"%x;%b\r\n%b\r\n0\r\n\r\n" % (len(BODY), b"a" * 60_000, BODY)), (200,), 1),
    "trailers in our name": Case(
        _chunks(b"%x\r\n%b\r\n0\r\nx-cascade-target: held\r\nhost: evil\r\nx-api-key: k\r\n\r\n" % (len(BODY), BODY)), (200,), 1
    ),
    "another host in the target": Case(_first(b"POST http://evil.example/v1/messages?CASE HTTP/1.1"), (200,), 1),
    "two hosts": Case(_post(b"host: evil.example", _LENGTH), (200,), 1),
    "headers that the connection is said to own": Case(_post(b"connection: content-length, x-api-key", _LENGTH), (200,), 1),
    "an upgrade to h2c": Case(
        _post(b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABk", _LENGTH), (200,), 1
    ),
}
"""Envoy writes these anew: one length, no coding, the provider's own host, and nothing that it did not understand."""
