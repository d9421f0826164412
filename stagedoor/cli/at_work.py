"""An operator at the command line: who it is, and the parts of the control plane with which acts are done."""

from __future__ import annotations

import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from control_plane.accounts import store as accounts
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import LARGEST_ID, Seq, StreamId, UserId
from control_plane.bus.postgres import Bus
from control_plane.config import secrets
from control_plane.config.secrets import Keyring, Purpose
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.ledger.store import lock_accounts
from control_plane.operations.audit import Actor
from control_plane.operations.operators import Operator
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.running import RunningStreams
from stagedoor.cli.database import with_database
from stagedoor.processes.data_directory import is_in_use
from stagedoor.processes.run_file import RunFile

Work = Callable[[Operator, Database, Settings], Awaitable[None]]


def with_operator(work: Work) -> None:
    async def at_work(database: Database, settings: Settings) -> None:
        async with _operator(database, settings) as operator:
            await work(operator, database, settings)

    with_database(at_work)


@asynccontextmanager
async def _operator(database: Database, settings: Settings) -> AsyncIterator[Operator]:
    event_log = EventLog(database, _Unheard(), lock=lock_accounts)
    running = RunningStreams(database, Bus(""), stream_keys(settings), settings.database_away_s)
    try:
        yield Operator(database, Lifecycle(database, event_log, running), actor())
    finally:
        await event_log.close()


def stream_keys(settings: Settings) -> StreamKeys:
    return StreamKeys(keyring(settings, Purpose.PUBLISH))


def keyring(settings: Settings, purpose: Purpose) -> Keyring:
    """What it signs is valid now: the server that runs hears of a rotation at its next start."""
    ring = secrets.load_or_create(settings.secrets_path)[purpose]
    _, signing = RunFile(settings.data_dir).mode() if is_in_use(settings.data_dir) else (False, {})
    return ring.signed_by(signing.get(purpose, ""))


def actor() -> Actor:
    """By the login name, under sudo of who is behind it."""
    uid = int(os.environ.get("SUDO_UID", os.getuid()))
    try:
        return Actor(f"cli:{pwd.getpwuid(uid).pw_name}")
    except KeyError:  # in a container, a number may be all there is
        return Actor(f"cli:{uid}")


async def user_id_of(database: Database, user: str) -> UserId:
    """Of an id or a username. Raises UserNotFound."""
    if user.isascii() and user.isdecimal():
        if int(user) > LARGEST_ID:
            raise UserNotFound
        return UserId(int(user))
    found = await accounts.by_username(database, user)
    if found is None:
        raise UserNotFound
    return found.id


class _Unheard:
    """Fulfils `Offers` where no hub is: the servers find the events in the log, half a second later."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        """Nobody listens here."""
