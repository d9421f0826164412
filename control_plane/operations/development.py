"""Prepares a development database for production: takes back free coins, sign-ins, sessions, keys and roles, and clears
pictures of other servers. Open payouts are rejected, and addresses that payouts go to are deleted.

In development mode sign-in needed no proof and coins were free. Accounts stay, because the ledger and the audit log
refer to them, but an account made in development mode has no way to sign in any more. An operator who knows its owner
can issue a session (`stagedoor token`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.accounts import development_store as accounts
from control_plane.accounts import session_store
from control_plane.accounts.devices import forget_unproven
from control_plane.accounts.profile_media import PictureNames, use_picture, use_video
from control_plane.content import store as content
from control_plane.db.pool import Database
from control_plane.inbox import store as inbox
from control_plane.messages.changing import Changing
from control_plane.operations import audit, installation
from control_plane.operations.audit import Act, Actor, Subject
from control_plane.operations.free_coins import take_back_free_coins
from control_plane.operations.payouts import reject_open_payouts
from control_plane.payouts import store as payouts
from control_plane.social import personal_data as social
from control_plane.storage.files import Files
from control_plane.storage.model import FileName
from control_plane.streams import store as streams
from control_plane.videos import personal_data as videos

_LONG = "set local statement_timeout = '10min'"
_FORGET = "update installation set development_since = null"


@dataclass(frozen=True, slots=True)
class TakenBack:
    demo_people: int
    """Demo users: banned, their names freed, their pictures and videos deleted."""
    accounts: int
    """Accounts made in development mode, now without a way to sign in."""
    operators: Sequence[str]
    """Usernames of the former operators, all ordinary users now."""
    coins: int
    holders: int
    """Users whose coins were taken back."""
    pictures: int
    """Profile pictures of other servers, now cleared: each viewer's address would reach such a server."""


async def make_fit_for_production(database: Database, files: Files, actor: Actor) -> TakenBack | None:
    """Do it in one transaction, while no server runs. None: development mode never used the database, nothing was
    changed.

    Raises LedgerIsWrong, NotInstalled and DatabaseUnavailable.
    """
    async with database.transaction(installation.RENEWAL_S) as connection:
        row = await installation.read(connection)
        since = row["development_since"]
        if since is None:
            return None
        await connection.execute(_LONG)
        await reject_open_payouts(connection, actor, "The server leaves development mode.")
        await payouts.forget_addresses_since(connection, since)
        coins = await take_back_free_coins(connection)
        demo_people = await accounts.remove_demo_people(connection)
        messages = Changing(database, files)
        for user_id in demo_people:
            await use_picture(files, connection, user_id, PictureNames())
            await use_video(files, connection, user_id, FileName(""))
            await content.forget_person(connection, user_id)
            await videos.forget_person(connection, user_id)
            await social.forget_person(connection, user_id)
            await messages.forget_person(connection, user_id)
            await inbox.forget_person(connection, user_id)
        taken_back = TakenBack(
            demo_people=len(demo_people),
            accounts=await accounts.lock_unproven(connection, since),
            operators=await accounts.demote_operators(connection),
            coins=sum(coins.values()),
            holders=len(coins),
            pictures=await accounts.clear_foreign_pictures(connection),
        )
        await forget_unproven(connection, since)
        await session_store.end_every_session(connection)
        await streams.revoke_every_key(connection)
        await connection.execute(_FORGET)
        subject = Subject(f"database:{row['incarnation']}")
        await audit.record(
            connection,
            actor,
            Act.DATABASE_TO_PRODUCTION,
            subject,
            since=since.isoformat(),
            demo_people=taken_back.demo_people,
            accounts=taken_back.accounts,
            operators=" ".join(taken_back.operators),
            coins=taken_back.coins,
            pictures=taken_back.pictures,
        )
    return taken_back
