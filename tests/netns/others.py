"""Hosts that are no LLM providers, as a process: `python -m tests.netns.others CERTIFICATES`.

TLS on other.example.com:443 and plain on its port 80, which send every byte back; early.example.com:443, where the server speaks first; UDP
on api.anthropic.com, ports 443 and 444, where a QUIC server would be.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import Any

from tests.netns.world import address

GREETING = b"220 at your service\r\n"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, byte by byte."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a request by its own head."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nX-As-Sent: Yes\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
    await writer.drain()
    writer.close()


async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak first."""
    writer.write(GREETING)
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """Sends each back."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._transport.sendto(data, addr)


async def serve(certificates: Path) -> None:
    """Serve until killed."""
    other = address("other.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "other.example.com.crt", certificates / "other.example.com.key")
    servers = [
        await asyncio.start_server(echo, other, 443, ssl=context),
        await asyncio.start_server(plain, other, 80),
        await asyncio.start_server(early, address("early.example.com"), 443),
    ]
    for port in (443, 444):
        await asyncio.get_running_loop().create_datagram_endpoint(Datagrams, local_addr=(address("api.anthropic.com"), port))
    print("listening", flush=True)
    await asyncio.gather(*[server.serve_forever() for server in servers])


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
