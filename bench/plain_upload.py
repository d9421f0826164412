"""Baseline of uploads: a plain aiohttp handler that reads the form by `request.multipart()`, writes the file and flushes it
to the disk. Run as `python -m bench.plain_upload`."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path

import uvloop
from aiohttp import BodyPartReader, web

from bench.processes import configuration, say, stdin

CHUNK_BYTES = 1 << 16


async def main() -> None:
    reader = await stdin()
    folder = Path((await configuration(reader))["folder"])

    async def take(request: web.Request) -> web.Response:
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            with (folder / secrets.token_hex(8)).open("wb") as file:
                while chunk := await part.read_chunk(CHUNK_BYTES):
                    file.write(chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
        return web.json_response({"code": 200})

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    say(port=runner.addresses[0][1])
    await reader.read()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
