"""The floor of the transport: the least that an ext_proc processor on grpc.aio can do. `python -m bench.floor SOCKET`.

It finds the model by a pattern, puts another name in, routes to the draft and passes the response: three messages, as SKIPPED.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import grpc
import uvloop

from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderValueOption
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest, ProcessingResponse

_MODEL = re.compile(rb'"model"\s*:\s*"[^"]*"')
_SIZE = 64 << 20


def _constant(kind: str) -> bytes:
    response = ProcessingResponse()
    getattr(response, kind).SetInParent()
    return response.SerializeToString()


_HEADERS, _RESPONSE = _constant("request_headers"), _constant("response_headers")


async def process(_: Any, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    """Serve one exchange."""
    while isinstance(message := await context.read(), bytes):
        request = ProcessingRequest.FromString(message)
        kind = request.WhichOneof("request")
        if kind == "request_headers":
            await context.write(_HEADERS)
        elif kind == "request_body":
            await context.write(_forward(request.request_body.body))
        else:
            await context.write(_RESPONSE)
            return


def _forward(body: bytes) -> bytes:
    body = _MODEL.sub(b'"model": "draft-small"', body, count=1)
    response = ProcessingResponse()
    common = response.request_body.response
    common.clear_route_cache = True
    for name, value in (("x-cascade-target", b"draft"), ("content-length", b"%d" % len(body))):
        option = common.header_mutation.set_headers.add(append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD)
        option.header.key, option.header.raw_value = name, value
    common.body_mutation.body = body
    return response.SerializeToString()


async def main(path: str) -> None:
    """Serve until killed."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", _SIZE), ("grpc.max_send_message_length", _SIZE)])
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(process)
    service = grpc.method_handlers_generic_handler("envoy.service.ext_proc.v3.ExternalProcessor", {"Process": handler})
    server.add_generic_rpc_handlers((service,))
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
