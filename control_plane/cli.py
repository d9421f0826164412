"""The commands of `stagedoor`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from control_plane import logs, secrets
from control_plane.accounts.sessions import Sessions
from control_plane.clock import utc_now
from control_plane.console import announce, warn_of_development
from control_plane.db.embedded import EmbeddedPostgres, running_dsn
from control_plane.db.migrate import migrate as migrate_database
from control_plane.db.pool import Database, open_pool
from control_plane.errors import ControlPlaneError
from control_plane.events.bus import Bus
from control_plane.events.log import EventLog
from control_plane.events.types import EndReason
from control_plane.ids import Seq, StreamId, UserId
from control_plane.secrets import Purpose
from control_plane.settings import Settings, describe, load
from control_plane.streams import store as streams
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.running import RunningStreams
from control_plane.streams.stream import Stream, StreamOver

if TYPE_CHECKING:
    from control_plane.server import Started

app = typer.Typer(
    help="Stagedoor, a live-streaming control plane around MediaMTX.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
secrets_app = typer.Typer(help="The signing secrets.", no_args_is_help=True)
stream_app = typer.Typer(help="Look at streams and act on them.", no_args_is_help=True)
app.add_typer(secrets_app, name="secrets")
app.add_typer(stream_app, name="stream")

out = Console()
err = Console(stderr=True)

INTERRUPTED = 130
Change = Callable[[Lifecycle, StreamId], Awaitable[Stream | None]]


def main() -> None:
    """The console script: one clear sentence instead of a traceback for what is expected to go wrong."""
    try:
        app()
    except ControlPlaneError as error:
        err.print(f"[bold red]stagedoor:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _progress(line: str) -> None:
    err.print(f"[dim]•[/] {line}", highlight=False)


def _run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(work)


@app.command()
def run() -> None:
    """Start everything, and run until Ctrl-C."""
    settings = load()
    logs.set_up(settings.log_format, settings.log_level)
    _run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from control_plane.server import serve  # the whole platform: the other commands start faster without it

    if settings.dev:
        warn_of_development(err)
    stop = asyncio.Event()
    is_ready = False

    def ready(started: Started) -> None:
        nonlocal is_ready
        is_ready = True
        announce(out, started)

    def stop_or_hurry() -> None:
        if stop.is_set() or not is_ready:  # before it is ready, and at the second signal: take down what there is
            serving.cancel()
        stop.set()

    serving = asyncio.create_task(serve(settings, _progress, ready, stop))
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_, stop_or_hurry)
    try:
        await serving
    except asyncio.CancelledError:
        err.print("Stopped before it was ready." if not is_ready else "Stopped in a hurry.")
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def migrate() -> None:
    """Bring the database to this release's schema."""
    settings = load()

    async def work() -> None:
        async with _dsn(settings) as dsn:
            applied = await migrate_database(dsn, _progress)
            out.print(f"{applied} migration{'' if applied == 1 else 's'} applied." if applied else "Nothing to do.")

    _run(work())


@app.command()
def settings() -> None:
    """List every setting with its value here and what it means."""
    values = load()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("setting", "value", "meaning"):
        table.add_column(column, overflow="fold")
    for info in describe():
        value = getattr(values, info.name)
        shown = ("set" if value else "") if info.secret else _shown(value)
        table.add_row(info.variable, shown if value == info.default else f"[bold]{shown}[/]", info.doc)
    out.print(table)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, tuple) else str(value)


@secrets_app.command("rotate")
def secrets_rotate(
    purpose: Annotated[list[Purpose] | None, typer.Argument(help="Which; without any, all.")] = None,
) -> None:
    """Put a new secret before the old ones, which go on being accepted. Takes effect at the next start."""
    settings = load()
    secrets.rotate(settings.secrets_path, tuple(purpose or Purpose))
    out.print("Rotated. Restart the server to sign with the new secrets.")


@app.command()
def token(user: Annotated[str, typer.Argument(help="Id or username.")]) -> None:
    """Print a session token for this user."""

    async def work(database: Database, settings: Settings) -> None:
        keyring = secrets.load_or_create(settings.secrets_path)[Purpose.SESSION]
        sessions = Sessions(keyring, database, Bus(""), settings.session_ttl_s)
        typer.echo(await sessions.issue(await _user_id(database, user)))

    _with_database(work)


async def _user_id(database: Database, user: str) -> UserId:
    from control_plane.accounts.store import by_username
    from control_plane.accounts.user import UserNotFound

    if user.isdecimal():
        return UserId(int(user))
    found = await by_username(database, user)
    if found is None:
        raise UserNotFound
    return found.id


@stream_app.command("list")
def stream_list(
    ended: Annotated[bool, typer.Option("--all", help="The latest hundred, ended ones too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Streams that have not ended."""

    async def work(database: Database, settings: Settings) -> None:
        found = await (streams.latest(database, 100) if ended else streams.unfinished(database))
        if as_json:
            typer.echo(msgspec.json.encode(found))
            return
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("id", "user", "status", "since", "coins", "title"):
            table.add_column(column)
        for stream in found:
            since = stream.ended_at or stream.interrupted_at or stream.live_at or stream.created_at
            status = f"{stream.status.value} ({stream.end_reason.value})" if stream.end_reason else stream.status.value
            age = f"{int((utc_now() - since).total_seconds())} s"
            table.add_row(str(stream.id), str(stream.user_id), status, age, str(stream.coins), stream.title)
        out.print(table if found else "No stream is running.")

    _with_database(work)


@stream_app.command("end")
def stream_end(stream_id: int) -> None:
    """End a stream: its key opens nothing from now on, and its publisher is put out."""
    _change(stream_id, "ended", lambda lifecycle, id_: lifecycle.end(id_, EndReason.OPERATOR))


@stream_app.command("rotate")
def stream_rotate(stream_id: int) -> None:
    """Give a stream a new key, put its publisher out, and print the new key."""
    _change(stream_id, "has a new key", lambda lifecycle, id_: lifecycle.rotate(id_), show_key=True)


@stream_app.command("revoke")
def stream_revoke(stream_id: int) -> None:
    """Take a stream's key away: nobody can publish until the owner asks for a new one."""
    _change(stream_id, "has lost its key", lambda lifecycle, id_: lifecycle.rotate(id_))


def _change(stream_id: int, what: str, change: Change, *, show_key: bool = False) -> None:
    async def work(database: Database, settings: Settings) -> None:
        keys = StreamKeys(secrets.load_or_create(settings.secrets_path)[Purpose.PUBLISH])
        event_log = EventLog(database, _Unheard())
        running = RunningStreams(database, Bus(""), keys, settings.database_away_s)
        try:
            stream = await change(Lifecycle(database, event_log, running), StreamId(stream_id))
        finally:
            await event_log.close()
        if stream is None:
            raise StreamOver(f"Stream {stream_id} has ended before.")
        out.print(f"Stream {stream_id} {what}.")
        if show_key:
            typer.echo(f"{stream_id}?token={keys.issue(stream.id, stream.key_version)}")

    _with_database(work)


class _Unheard:
    """Fulfils `Offers` where no hub is: the servers find the events in the log, half a second later."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        """Nobody listens here."""


def _with_database(work: Callable[[Database, Settings], Awaitable[None]]) -> None:
    values = load()

    async def connected() -> None:
        async with _dsn(values) as dsn:
            await migrate_database(dsn, _progress)
            database = await open_pool(dsn, 2)
            try:
                await work(database, values)
            finally:
                await database.close()

    _run(connected())


@asynccontextmanager
async def _dsn(settings: Settings) -> AsyncIterator[str]:
    """The running server's database, or where none runs the embedded one for as long as the command takes."""
    if settings.database_url:
        yield settings.database_url
        return
    if running := running_dsn(settings.data_dir):
        yield running
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        yield await postgres.start(_progress)
    finally:
        await postgres.stop()
