"""`stagedoor stream`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
import typer

from control_plane.audit import Act
from control_plane.cli.at_work import stream_keys, with_operator
from control_plane.cli.database import with_database
from control_plane.cli.publisher import tell_when_gone
from control_plane.cli.terminal import Commands, columns, out
from control_plane.cli.users import carry_out_ban, name_of
from control_plane.clock import utc_now
from control_plane.db.pool import Database
from control_plane.ids import LARGEST_ID, StreamId
from control_plane.operators import Operator
from control_plane.settings import Settings
from control_plane.streams import store
from control_plane.streams.stream import Stream, StreamNotFound, StreamOver

Change = Callable[[Operator, StreamId], Awaitable[Stream | None]]


def list_streams(
    ended: Annotated[bool, typer.Option("--all", help="The latest hundred, ended ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Streams that have not ended."""

    async def work(database: Database, settings: Settings) -> None:
        found = await (store.latest(database, 100) if ended else store.unfinished(database))
        if as_json:
            typer.echo(msgspec.json.encode(found))
            return
        table = columns("id", "user", "status", "since", "coins", "plays", "title")
        for stream in found:
            since = stream.ended_at or stream.interrupted_at or stream.live_at or stream.created_at
            status = f"{stream.status.value} ({stream.end_reason.value})" if stream.end_reason else stream.status.value
            age = f"{int((utc_now() - since).total_seconds())} s"
            table.add_row(
                str(stream.id), str(stream.user_id), status, age, str(stream.coins), _plays(stream), stream.title
            )
        out.print(table if found else "No stream is running.")

    with_database(work)


def _plays(stream: Stream) -> str:
    """What viewers have of it, as the last probe saw it."""
    if stream.playing is None:
        return ""
    return stream.playing_note or ("yes" if stream.playing else "no")


def end(stream_id: int) -> None:
    """End a stream: its key opens nothing from now on, and its publisher is put out."""
    _change(stream_id, "has ended", lambda operator, id_: operator.end_stream(id_))


def rotate(stream_id: int) -> None:
    """Give a stream a new key, put its publisher out, and print the new key."""
    _change(stream_id, "has a new key", lambda operator, id_: operator.rotate_key(id_), show_key=True)


def revoke(stream_id: int) -> None:
    """Take a stream's key away: nobody can publish until the owner asks for a new one."""
    _change(stream_id, "has lost its key", lambda operator, id_: operator.rotate_key(id_, Act.KEY_REVOKED))


def _change(stream_id: int, what: str, change: Change, *, show_key: bool = False) -> None:
    async def work(operator: Operator, database: Database, settings: Settings) -> None:
        stream = await change(operator, StreamId(stream_id))
        if stream is None:
            raise StreamOver(f"Stream {stream_id} has ended before.")
        out.print(f"Stream {stream_id} {what}.")
        await tell_when_gone(settings, database, stream)
        if show_key:
            key = stream_keys(settings).issue(stream.id, stream.key_version, stream.key_salt)
            typer.echo(f"{stream_id}?token={key}")

    with_operator(work)


def ban(
    stream_id: int,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Ban the host of a stream: the account is blocked, its sessions end, and so does the stream it has now."""

    async def work(operator: Operator, database: Database, settings: Settings) -> None:
        stream = await store.get(database, StreamId(stream_id)) if 1 <= stream_id <= LARGEST_ID else None
        if stream is None:
            raise StreamNotFound(f"There is no stream {stream_id}.")
        host = await name_of(database, stream.user_id)
        if not yes:
            typer.confirm(f"Ban {host} (user {stream.user_id}), the host of stream {stream_id}?", abort=True, err=True)
        await carry_out_ban(operator, database, settings, stream.user_id, f"{host} (user {stream.user_id})")

    with_operator(work)


COMMANDS: Commands = {"list": list_streams, "end": end, "rotate": rotate, "revoke": revoke, "ban": ban}
