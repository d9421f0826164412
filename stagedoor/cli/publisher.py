"""Whether the publisher of a stream is gone after it was ended or its key changed.

The running control plane puts publishers out, not we: it alone knows when its table refuses the old key, and a publisher that is cut off before
that would be back at once.
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
LOOK_S = 0.1


async def tell_when_gone(settings: Settings, database: Database, stream: Stream) -> None:
    from mediamtx.node.client import MediaMTXClient  # aiohttp: the other commands start faster without it

    url, password = _api_url(settings), _api_password(settings)
    if url is None or password is None:
        return  # nothing runs here, so nobody publishes
    try:
        async with asyncio.timeout(DISCONNECT_S), MediaMTXClient(url, password) as media:
            await _gone(media, database, stream)
    except (TimeoutError, MediaServerUnavailable, DatabaseUnavailable):
        say(
            "Its publisher may still be there: the server that puts it out did not do so in time. `stagedoor doctor` says why."
        )
    else:
        out.print("No publisher is connected to it now.")


async def _gone(media: MediaServer, database: Database, stream: Stream) -> None:
    """Returns when nobody publishes, or somebody who came in with the new key."""
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
    """By the secret with which the running server signs: it answers whether we may use the API."""
    from control_plane.streams.media.api_password import api_password

    mine = secrets.load(settings.secrets_path)
    if mine is None:
        return None
    _, signing = RunFile(settings.data_dir).mode()
    return api_password(mine[Purpose.HOOK].signed_by(signing.get(Purpose.HOOK, "")).signing.value.hex())
