"""A proxy to PostgreSQL that can cut a connection at the worst time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit


class SeveringProxy:
    """Forwards a port of 127.0.0.1 to the server's Unix socket. When armed, it forwards the next commit, waits for the
    server's answer, and closes the connection instead of forwarding the answer. `commit`: the bytes of a message that
    commits."""

    def __init__(self, dsn: str, commit: bytes = b"COMMIT;") -> None:
        parts = urlsplit(dsn)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._base = f"postgresql://{parts.username}@127.0.0.1:{{}}{parts.path}"
        self._commit = commit
        self._port = 0
        self._clients: set[asyncio.Task[None]] = set()
        self.commits_to_cut = 0

    @property
    def dsn(self) -> str:
        return self._base.format(self._port)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._accept, "127.0.0.1", 0) as server:
            self._port = server.sockets[0].getsockname()[1]
            yield
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = asyncio.create_task(self._serve(reader, writer))
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._socket)
        forwarding = asyncio.create_task(_forward(there, writer))
        try:
            with suppress(ConnectionError):
                while data := await reader.read(1 << 16):
                    cut = self.commits_to_cut > 0 and self._commit in data
                    if cut:
                        self.commits_to_cut -= 1
                        forwarding.cancel()
                        await asyncio.wait([forwarding])
                    back.write(data)
                    if cut:
                        await there.readuntil(b"Z\0\0\0\5I")  # ready, and in no transaction
                        return
        finally:
            forwarding.cancel()
            await asyncio.wait([forwarding])
            writer.close()
            back.close()


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
    writer.close()
