"""The operator at the command line: the actor for the audit log, and the services that commands use."""

from __future__ import annotations

import os
import pwd
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from control_plane.accounts import store as accounts
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import LARGEST_ID, Seq, StreamId, UserId
from control_plane.base.signing import Keyring
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_within
from control_plane.config import secrets
from control_plane.config.secrets import Purpose
from control_plane.config.settings import Settings
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.operations.audit import Actor
from control_plane.operations.operators import Operator
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.model import Stream
from stagedoor.cli.database import with_database
from stagedoor.processes.data_directory import is_in_use
from stagedoor.processes.run_file import RunFile

Work = Callable[[Operator, Database, Settings], Awaitable[None]]


def with_operator(work: Work) -> None:
    async def at_work(database: Database, settings: Settings) -> None:
        async with _operator(database) as operator:
            await work(operator, database, settings)

    with_database(at_work)


@asynccontextmanager
async def _operator(database: Database) -> AsyncIterator[Operator]:
    event_log = EventLog(database, _Unheard())
    try:
        yield Operator(database, Lifecycle(database, event_log, _ServersOnly()), actor())
    finally:
        await event_log.close()


def stream_keys(settings: Settings) -> StreamKeys:
    return StreamKeys(keyring(settings, Purpose.PUBLISH))


def keyring(settings: Settings, purpose: Purpose) -> Keyring:
    """A keyring that signs with the running server's secret, because that server takes up a rotation only at its next
    start."""
    ring = secrets.load_or_create(settings.secrets_path)[purpose]
    _, signing = RunFile(settings.data_dir).mode() if is_in_use(settings.data_dir) else (False, {})
    return ring.signed_by(signing.get(purpose, ""))


def actor() -> Actor:
    """The login name; under sudo, that of the user who ran sudo."""
    uid = int(os.environ.get("SUDO_UID", os.getuid()))
    try:
        return Actor(f"cli:{pwd.getpwuid(uid).pw_name}")
    except KeyError:  # in a container, the user id may have no name
        return Actor(f"cli:{uid}")


async def user_id_of(database: Database, user: str) -> UserId:
    """The user with this id or username. A number may be an id without a user. Raises UserNotFound."""
    if user.isascii() and user.isdecimal():
        if int(user) > LARGEST_ID:
            raise UserNotFound
        return UserId(int(user))
    found = await accounts.id_by_username(database, user)
    if found is None:
        raise UserNotFound
    return found


class _Unheard:
    """Implements `Offers` without a hub: discards events. The servers find them in the log within half a second."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        pass


class _ServersOnly:
    """Implements `StreamTable` without a table: notifies the servers, which have theirs."""

    async def tell_others(self, connection: Connection, stream_id: StreamId) -> None:
        await notify_within(connection, Topic.STREAM, stream_id)

    def put(self, stream: Stream) -> None:
        pass

    def look_at(self, stream_id: StreamId) -> None:
        pass
