"""A proxy to PostgreSQL whose connections a test can cut at the worst time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

SOCKET = ".s.PGSQL.5432"


class Wire:
    def __init__(self, server: Path, folder: Path, dsn: str) -> None:
        self.folder = folder
        self.dsn = dsn
        """The database, through this proxy."""
        self.cut_at_commit = False
        """If set, the next COMMIT reaches the server, but its answer does not reach the client."""
        self._server = server
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def plug_in(self) -> None:
        self._listener = await asyncio.start_unix_server(self._accepted, self.folder / SOCKET)

    async def pull_out(self) -> None:
        """Refuse new connections, and close those that exist."""
        assert self._listener is not None
        self._listener.close()
        (self.folder / SOCKET).unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(asyncio.CancelledError, OSError):
                await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_unix_connection(self._server)
        try:
            async with asyncio.TaskGroup() as group:
                answers = group.create_task(_pass_on(back, writer))
                while data := await reader.read(65536):
                    cut = self.cut_at_commit and b"COMMIT" in data
                    if cut:
                        self.cut_at_commit = False
                        answers.cancel()
                    forth.write(data)
                    await forth.drain()
                    if cut:
                        await back.read(65536)  # it has taken effect
                        break
                answers.cancel()
        finally:
            forth.transport.abort()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def wire(dsn: str) -> AsyncIterator[Wire]:
    """A proxy to the server of this dsn."""
    parts = urlsplit(dsn)
    (server,) = parse_qs(parts.query)["host"]
    with TemporaryDirectory(prefix="wire-") as folder:
        line = Wire(Path(server) / SOCKET, Path(folder), parts._replace(query=f"host={folder}").geturl())
        await line.plug_in()
        try:
            yield line
        finally:
            await line.pull_out()
