"""Limits of the gRPC server on grpcio, and why. Those of the native transport stand in `native.http2.limits`."""

from __future__ import annotations

SLACK_BYTES = 1 << 20
"""Room for headers and framing beside the largest body."""


def options(max_body_bytes: int, *, shared_port: bool) -> list[tuple[str, int]]:
    """Give the options of a server; https://grpc.github.io/grpc/core/group__grpc__arg__keys.html.

    Args:
        max_body_bytes: the largest body that Envoy sends in one message.
        shared_port: several workers listen on one TCP port, and the kernel spreads connections over them.
    """
    largest = max_body_bytes + SLACK_BYTES
    return [
        # Envoy sends a body in one message, and refuses larger ones before that.
        ("grpc.max_receive_message_length", largest),
        ("grpc.max_send_message_length", largest),
        # A call's metadata are a traceparent and little else; clients' headers travel inside the messages.
        ("grpc.max_metadata_size", 64 << 10),
        # As on the native transport; Envoy opens another connection then. Without a limit one peer could hold all memory.
        ("grpc.max_concurrent_streams", 4096),
        # An Envoy that is gone without a word, or a firewall that has forgotten the connection, is noticed within 40 s.
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # Envoy itself asks every 30 s (`envoyconf.clusters`); who asks much more often is cut off.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
        # Who has not shown a certificate yet holds nothing for long.
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.so_reuseport", int(shared_port)),
    ]
