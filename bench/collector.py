"""A collector of telemetry that costs next to nothing and keeps nothing: OTLP over gRPC. `python -m bench.collector` prints its port."""

from __future__ import annotations

import sys
from typing import Any

import grpc
import uvloop


async def _take(_: bytes, __: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
    return b""  # an export response in which nothing is said


class _Anything(grpc.GenericRpcHandler):
    def service(self, _: Any) -> grpc.RpcMethodHandler[bytes, bytes]:
        return grpc.unary_unary_rpc_method_handler(_take)


async def main() -> None:
    """Serve until killed."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    server.add_generic_rpc_handlers((_Anything(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main())
