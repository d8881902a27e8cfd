"""TLS in front of a PostgreSQL whose build has none, by the protocol's own rules.

A client asks for encryption with a fixed message of eight bytes; whoever does not ask is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SSL_REQUEST = struct.pack("!II", 8, 80877103)
CHUNK = 65_536


@asynccontextmanager
async def tls_front(context: ssl.SSLContext, server_port: int) -> AsyncIterator[int]:
    """Forward what comes over TLS to the server, for the length of a block; give the port."""
    talks: set[asyncio.Task[None]] = set()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        task.add_done_callback(talks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            try:
                if await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST:
                    writer.write(b"S")
                    await writer.drain()
                    await writer.start_tls(context)
                    await _forward(reader, writer, server_port)
            finally:
                writer.close()

    listener = await asyncio.start_server(meet, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server_port: int) -> None:
    """Carry bytes both ways until either side is done."""
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server_port)
    ways = [
        asyncio.create_task(_carry(reader, server_writer)),
        asyncio.create_task(_carry(server_reader, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        server_writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
