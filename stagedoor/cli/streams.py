"""`stagedoor stream`: list and end streams, rotate and revoke keys, ban hosts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import aiohttp
import msgspec
import typer

from control_plane.accounts import store as accounts
from control_plane.base.clock import utc_now
from control_plane.base.ids import LARGEST_ID, StreamId
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations.audit import Act
from control_plane.operations.operators import Operator
from control_plane.streams import store
from control_plane.streams.model import Stream, StreamNotFound, StreamOver
from mediamtx.node.config import local_url
from stagedoor.cli.at_work import stream_keys, with_operator
from stagedoor.cli.database import with_database
from stagedoor.cli.doctor.network import ANSWER_S
from stagedoor.cli.publisher import tell_when_gone
from stagedoor.cli.terminal import Commands, Yes, columns, err, out
from stagedoor.cli.users import carry_out_ban
from stagedoor.processes.run_file import RunFile

Change = Callable[[Operator, StreamId], Awaitable[Stream | None]]


MOST_PAGES = 100
"""Pages of `/live` that are read, a hundred streams each. Matches the largest `--limit`."""
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def age(seconds: float) -> str:
    """A duration such as `17 min`, in the largest unit of which it has at least two."""
    for unit_s, name in ((DAY_S, "days"), (HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * unit_s:
            return f"{int(seconds // unit_s)} {name}"
    return f"{int(max(seconds, 0))} s"


async def _viewers(settings: Settings) -> dict[int, int]:
    """Viewers by stream id, from the running server's list of public streams, because only its memory has them. Empty:
    it does not answer."""
    ports, _ = RunFile(settings.data_dir).left_behind()
    if not ports:
        return {}
    url = f"{local_url(settings.bind, ports['http_port'])}/live"
    viewers: dict[int, int] = {}
    try:
        async with aiohttp.ClientSession(timeout=ANSWER_S) as session:
            page = pages = 1
            while page <= pages:
                async with session.get(url, params={"page": page}) as response:
                    listed = await response.json()
                viewers |= {entry["id"]: entry["viewers"] for entry in listed["streams"]}
                page, pages = page + 1, min(listed["pages"], MOST_PAGES)
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError):
        return {}
    return viewers


def _shown(stream: Stream) -> dict[str, Any]:
    """The stream's fields without those that its key is derived from."""
    values: dict[str, Any] = msgspec.to_builtins(stream)
    return {name: value for name, value in values.items() if not name.startswith("key_")}


def list_streams(
    ended: Annotated[bool, typer.Option("--all", help="Include ended streams.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of streams.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the streams that have not ended, newest first."""

    async def print_streams(database: Database, settings: Settings) -> None:
        found = await (store.latest(database, limit) if ended else store.unfinished(database))
        every, found = len(found), sorted(found, key=lambda stream: stream.id, reverse=True)[:limit]
        if as_json:
            typer.echo(msgspec.json.encode([_shown(stream) for stream in found]))
            return
        hosts = await accounts.usernames(database, list({stream.user_id for stream in found}))
        table = columns("id", "host", "status", "since", "plays", "viewers", "coins", "title")
        viewers = await _viewers(settings)
        for stream in found:
            since = stream.ended_at or stream.interrupted_at or stream.live_at or stream.created_at
            status = f"{stream.status.value} ({stream.end_reason.value})" if stream.end_reason else stream.status.value
            table.add_row(
                str(stream.id),
                hosts.get(stream.user_id, str(stream.user_id)),
                status,
                age((utc_now() - since).total_seconds()),
                _plays(stream),
                f"peak {stream.peak_viewers}" if stream.ended else str(viewers.get(stream.id, "")),
                str(stream.coins),
                stream.title,
            )
        out.print(table if found else "No stream is running.", highlight=False, markup=False)
        if every > len(found):
            err.print(f"[dim]The newest {len(found)} of {every}. Use --limit to see more.[/]")

    with_database(print_streams)


def _plays(stream: Stream) -> str:
    """What the last probe found: whether media plays, or what is wrong with it."""
    if stream.playing is None:
        return ""
    return stream.playing_note or ("yes" if stream.playing else "no")


def end(stream_id: int) -> None:
    """End a stream: its stream key stops working, and its publisher is disconnected."""
    _change(stream_id, "Stream {} has ended.", lambda operator, id_: operator.end_stream(id_))


def rotate(stream_id: int) -> None:
    """Give a stream a new key, disconnect its publisher and print the new key."""
    _change(stream_id, "Stream {} has a new key.", lambda operator, id_: operator.rotate_key(id_), show_key=True)


def revoke(stream_id: int) -> None:
    """Revoke a stream's key and disconnect its publisher, until the owner asks for a new key."""
    _change(
        stream_id,
        "The key of stream {} has been revoked.",
        lambda operator, id_: operator.rotate_key(id_, Act.KEY_REVOKED),
    )


def _change(stream_id: int, what: str, change: Change, *, show_key: bool = False) -> None:
    async def change_stream(operator: Operator, database: Database, settings: Settings) -> None:
        if not 1 <= stream_id <= LARGEST_ID:
            raise StreamNotFound(f"There is no stream {stream_id}.")
        stream = await change(operator, StreamId(stream_id))
        if stream is None:
            raise StreamOver(f"Stream {stream_id} has already ended.")
        out.print(what.format(stream_id))
        await tell_when_gone(settings, database, stream)
        if show_key:
            key = stream_keys(settings).issue(stream.id, stream.key_version, stream.key_salt)
            typer.echo(f"{stream_id}?token={key}")

    with_operator(change_stream)


def ban(stream_id: int, yes: Yes = False) -> None:
    """Ban the host of a stream: ends the user's sessions and current stream, and refuses further sign-ins."""

    async def ban_host(operator: Operator, database: Database, settings: Settings) -> None:
        stream = await store.get(database, StreamId(stream_id)) if 1 <= stream_id <= LARGEST_ID else None
        if stream is None:
            raise StreamNotFound(f"There is no stream {stream_id}.")
        await carry_out_ban(operator, database, settings, stream.user_id, yes=yes)

    with_operator(ban_host)


COMMANDS: Commands = {"list": list_streams, "end": end, "rotate": rotate, "revoke": revoke, "ban": ban}
