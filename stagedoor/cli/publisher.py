"""Waits until a stream's publisher is disconnected, after the stream ended or its key changed.

Commands do not kick publishers, the running server does. Only the server knows when its table refuses the old key; a
publisher kicked before that would reconnect at once.
"""

from __future__ import annotations

import asyncio

from control_plane.config import secrets
from control_plane.config.secrets import Purpose
from control_plane.config.settings import Settings
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.streams import store
from control_plane.streams.media.model import MediaServer, MediaServerUnavailable
from control_plane.streams.model import Stream
from stagedoor.cli.terminal import out, say
from stagedoor.processes.run_file import RunFile

DISCONNECT_S = 5.0
"""How long a command waits for the disconnection. The server reconciles every second."""
LOOK_S = 0.1


async def tell_when_gone(settings: Settings, database: Database, stream: Stream) -> None:
    from mediamtx.node.client import MediaMTXClient  # slow to import (aiohttp), and few commands need it

    url, password = _api_url(settings), _api_password(settings)
    if url is None or password is None:
        return  # no server runs here
    try:
        async with asyncio.timeout(DISCONNECT_S), MediaMTXClient(url, password) as media:
            await _gone(media, database, stream)
    except (TimeoutError, MediaServerUnavailable, DatabaseUnavailable):
        say(
            "Its publisher may still be connected: the server did not disconnect it in time. Run `stagedoor doctor` to "
            "see why."
        )
    else:
        out.print("No publisher is connected to it now.")


async def _gone(media: MediaServer, database: Database, stream: Stream) -> None:
    """Return when the stream has no publisher, or one that was admitted with the new key."""
    while True:
        path = await media.get_path(stream.path)
        source = path.source if path is not None else None
        if source is None or await media.get_connection(source) is None:
            return
        version = None if stream.ended else await store.admitted_version(database, stream.id, source.id)
        if version is not None and version >= stream.key_version:
            return
        await asyncio.sleep(LOOK_S)


def _api_url(settings: Settings) -> str | None:
    from mediamtx.node.config import local_url

    if settings.mediamtx_api_url:
        return settings.mediamtx_api_url
    ports, _ = RunFile(settings.data_dir).left_behind()
    return local_url(settings.mediamtx_api_bind, ports["mediamtx_api_port"]) if ports else None


def _api_password(settings: Settings) -> str | None:
    """The API password from the secret with which the running server signs, because that server authorises the API."""
    from control_plane.streams.media.api_password import api_password

    mine = secrets.load(settings.secrets_path)
    if mine is None:
        return None
    _, signing = RunFile(settings.data_dir).mode()
    return api_password(mine[Purpose.HOOK].signed_by(signing.get(Purpose.HOOK, "")).signing.value.hex())
