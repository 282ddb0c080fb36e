"""The floor of a transport: the least that an ext_proc processor can do. `python -m bench.floor SOCKET grpcio|native`.

It finds the model by a pattern, puts another name in, routes to the draft and passes the response: three messages, as SKIPPED.
On grpc.aio it is what any processor in Python costs there; on the native transport it is what that transport costs.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any, Protocol

import grpc
import uvloop

from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderValueOption
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse
from extproc.shell.native.server import NativeServer

_MODEL = re.compile(rb'"model"\s*:\s*"[^"]*"')
_SIZE = 64 << 20


def _constant(kind: str) -> bytes:
    response = ProcessingResponse()
    getattr(response, kind).SetInParent()
    return response.SerializeToString()


_HEADERS, _RESPONSE = _constant("request_headers"), _constant("response_headers")


class Stream(Protocol):
    """What both transports give: messages in, messages out."""

    async def read(self) -> Any:
        """Give the next message; what is no bytes is the end."""

    def write(self, message: bytes) -> Any:
        """Send a message; to be awaited."""


async def process(stream: Stream) -> None:
    """Serve one exchange."""
    while isinstance(message := await stream.read(), bytes):
        request = ProcessingRequest.FromString(message)
        kind = request.WhichOneof("request")
        if kind == "request_headers":
            await stream.write(_HEADERS)
        elif kind == "request_body":
            await stream.write(forward(request.request_body.body))
        else:
            await stream.write(_RESPONSE)
            return


def forward(body: bytes) -> bytes:
    """Answer to a body: the draft's name in place of the model's, its route, its length."""
    body = _MODEL.sub(b'"model": "draft-small"', body, count=1)
    response = ProcessingResponse()
    common = response.request_body.response
    common.clear_route_cache = True
    for name, value in (("x-cascade-target", b"draft"), ("content-length", b"%d" % len(body))):
        option = common.header_mutation.set_headers.add(append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        option.header.key, option.header.raw_value = name, value
    common.body_mutation.body = body
    return response.SerializeToString()


async def _serve(_: Any, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    await process(context)


async def grpcio(path: str) -> None:
    """Serve on grpc.aio until killed."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", _SIZE), ("grpc.max_send_message_length", _SIZE)])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(_serve)
    service = grpc.method_handlers_generic_handler("envoy.service.ext_proc.v3.ExternalProcessor", {"Process": handler})
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await server.wait_for_termination()


async def native(path: str) -> None:
    """Serve on the native transport until killed."""
    server = NativeServer(process, _SIZE)
    await server.start(Path(path))
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run({"grpcio": grpcio, "native": native}[sys.argv[2]](sys.argv[1]))
