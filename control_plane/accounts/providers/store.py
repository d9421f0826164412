"""SQL of the tokens that sign-in providers gave for users."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_KEEP = """
    insert into provider_token (provider, user_id, client_id, token)
    select $1, $2, $3, $4 where exists (select from user_identity where provider = $1 and user_id = $2)
    on conflict (provider, user_id) do update set client_id = excluded.client_id, token = excluded.token
"""
_SEALED = "select client_id, token from provider_token where provider = $1 and user_id = $2"
_FORGET = "delete from provider_token where provider = $1 and user_id = $2"


@dataclass(frozen=True, slots=True)
class SealedToken:
    client_id: str
    token: bytes


async def keep(database: Database, provider: str, user_id: UserId, sealed: SealedToken) -> None:
    """No effect if the user has no identity of this provider."""
    await database.execute(_KEEP, provider, user_id, sealed.client_id, sealed.token)


async def kept(database: Database, provider: str, user_id: UserId) -> SealedToken | None:
    row = await database.fetchrow(_SEALED, provider, user_id)
    return None if row is None else SealedToken(client_id=row["client_id"], token=row["token"])


async def forget(source: Connection | Database, provider: str, user_id: UserId) -> None:
    await source.execute(_FORGET, provider, user_id)
