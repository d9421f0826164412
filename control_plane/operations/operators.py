"""Operators' acts: add, ban, unban and delete users, set roles, revoke sessions, end streams, rotate and revoke stream keys.

Each act and its entry in the audit log are one transaction.
"""

from __future__ import annotations

import dataclasses

from control_plane.accounts import bans_store, deletion_store, session_store
from control_plane.accounts import store as accounts
from control_plane.accounts.caller import Role, SessionKey
from control_plane.accounts.sign_in import check_indexed
from control_plane.accounts.user import NewUser, UserNotFound
from control_plane.accounts.usernames import check_username
from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor
from control_plane.streams.denial import Change, Deny, deny_with_stream
from control_plane.streams.lifecycle import Also, Lifecycle
from control_plane.streams.model import EndReason, Stream


class Operator:
    def __init__(self, database: Database, lifecycle: Lifecycle, actor: Actor) -> None:
        self._database = database
        self.lifecycle = lifecycle
        self._actor = actor

    async def add_user(self, new: NewUser) -> UserId:
        """Reserved usernames are allowed. Raises InvalidUsername, ClaimTooLong and AlreadyTaken."""
        new = dataclasses.replace(new, username=check_username(new.username, by_operator=True))
        check_indexed("email", new.email)
        check_indexed("phone", new.phone)
        async with self._database.transaction() as connection:
            user_id = await accounts.create(connection, new, [])
            await self._record(connection, Act.USER_ADDED, user_id, username=new.username)
            return user_id

    async def set_role(self, user_id: UserId, role: Role) -> bool:
        """False: the user had that role before. Raises UserNotFound, as all methods about a user do."""
        act = Act.USER_MADE_OPERATOR if role is Role.OPERATOR else Act.USER_MADE_ORDINARY
        async with self._database.transaction() as connection:
            return await self._done(connection, user_id, act, await accounts.set_role(connection, user_id, role))

    async def set_password(self, user_id: UserId, password_hash: str) -> None:
        """Set a new password, and end every session. Raises UserNotFound for a removed user too."""
        async with self._database.transaction() as connection:
            if not await accounts.set_password(connection, user_id, password_hash):
                raise UserNotFound
            await self._record(connection, Act.PASSWORD_SET, user_id)

    async def end_session(self, session: SessionKey) -> bool:
        """False: the user has no such session."""
        async with self._database.transaction() as connection:
            ended = await session_store.end_session(connection, session)
            return await self._done(connection, session.user_id, Act.SESSION_ENDED, ended)

    async def revoke_sessions(self, user_id: UserId) -> Stream | None:
        """Revoke every session, and the key of the user's unfinished stream, because the sessions could read that key.
        Returns the stream, or None."""

        async def revoke(connection: Connection) -> bool:
            ended = await session_store.end_sessions(connection, user_id)
            return await self._done(connection, user_id, Act.SESSIONS_REVOKED, ended is not None)

        async def rotate(stream_id: StreamId, also: Also) -> Stream | None:
            return await self.lifecycle.rotate(stream_id, also)

        _, stream = await self._with_stream(user_id, revoke, Act.KEY_REVOKED, rotate)
        return stream

    async def ban(self, user_id: UserId) -> tuple[bool, Stream | None]:
        """Ban the user and end the user's stream, in one transaction. Returns whether the user was not banned before,
        and the ended stream."""

        async def ban(connection: Connection) -> bool:
            return await self._done(connection, user_id, Act.USER_BANNED, await bans_store.ban(connection, user_id))

        return await self._with_stream(user_id, ban, Act.STREAM_ENDED, self._end)

    async def delete(self, user_id: UserId) -> tuple[bool, Stream | None]:
        """Delete the account as its user can, and end the user's stream, in one transaction. Returns whether the
        account was not deleted before, and the ended stream."""

        async def delete(connection: Connection) -> bool:
            deleted = await deletion_store.delete(connection, user_id, utc_now())
            return await self._done(connection, user_id, Act.USER_DELETED, deleted)

        return await self._with_stream(user_id, delete, Act.STREAM_ENDED, self._end)

    async def _end(self, stream_id: StreamId, also: Also) -> Stream | None:
        return await self.lifecycle.end(stream_id, EndReason.OPERATOR, also=also)

    async def _with_stream(self, user_id: UserId, deny: Deny, act: Act, change: Change) -> tuple[bool, Stream | None]:
        return await deny_with_stream(self._database, user_id, deny, change, self._also(act))

    async def unban(self, user_id: UserId) -> bool:
        async with self._database.transaction() as connection:
            return await self._done(connection, user_id, Act.USER_UNBANNED, await bans_store.unban(connection, user_id))

    async def end_stream(self, stream_id: StreamId) -> Stream | None:
        """Returns None if it had already ended."""
        return await self.lifecycle.end(stream_id, EndReason.OPERATOR, also=self._also(Act.STREAM_ENDED))

    async def rotate_key(self, stream_id: StreamId, act: Act = Act.KEY_ROTATED) -> Stream | None:
        """Replace the key; publishers with the old one are disconnected. `act` is KEY_REVOKED if no one gets the
        new key. Returns None if the stream had already ended."""
        return await self.lifecycle.rotate(stream_id, also=self._also(act))

    def _also(self, act: Act) -> Also:
        async def record(connection: Connection, stream: Stream) -> None:
            await audit.record(connection, self._actor, act, audit.stream(stream.id), user=stream.user_id)

        return record

    async def _done(self, connection: Connection, user_id: UserId, act: Act, changed: bool) -> bool:
        if changed:
            await self._record(connection, act, user_id)
        elif not await accounts.exists(connection, user_id):
            raise UserNotFound
        return changed

    async def _record(self, connection: Connection, act: Act, user_id: UserId, **detail: str) -> None:
        await audit.record(connection, self._actor, act, audit.user(user_id), **detail)
