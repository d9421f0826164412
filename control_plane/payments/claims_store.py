"""SQL of claims: what users told us of their purchases, until they are credited."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

FIRST_QUESTION_S = 60.0
"""When the job asks after a call has begun to ask. Shorter than a slow call: both ask, which is safe. Longer: after a
crash the coins come later."""
LONGEST_BACKOFF_S = 3600.0
"""Upper limit of the time between two questions of the job. Longer: the coins come later after a long outage."""

_BACKOFF = f"""
    clock_timestamp() + least(interval '1 minute' * power(2, least(attempts, 10)), interval '{LONGEST_BACKOFF_S} seconds')
"""
_COLUMNS = """
    id, user_id, store, reference, client_ref, device, transaction_id, state, reason, attempts, due_at, created_at,
    changed_at
"""
_BY_CLIENT_REF = "select digest from purchase_claim where user_id = $1 and client_ref = $2"
_OPEN = "select count(*) from purchase_claim where user_id = $1 and state = 'waiting' and digest <> $2"
# A claim that was refused is asked about again: its store may know better now.
_KEEP = f"""
    insert into purchase_claim as kept (user_id, store, reference, digest, device, client_ref, due_at)
    values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7)
    on conflict (store, digest, user_id) do update
    set state = case kept.state when 'credited' then 'credited' else 'waiting' end, changed_at = clock_timestamp(),
        client_ref = coalesce(kept.client_ref, excluded.client_ref),
        due_at = case kept.state when 'credited' then kept.due_at else least(kept.due_at, excluded.due_at) end
    returning {_COLUMNS}, clock_timestamp() as asked_at
"""
_CUT_REFUSED = """
    delete from purchase_claim where id in (
        select id from purchase_claim where user_id = $1 and state = 'refused' and due_at is null and reason = $2
        order by changed_at desc offset $3)
"""
# Some stores name a transaction differently before it is paid.
_OF_TRANSACTION = """
    select id from purchase_claim where store = $1 and transaction_id = $2 and transaction_id <> ''
    union
    select id from purchase_claim where store = $1 and digest = $3
"""
_FIRST_CLAIMANT = f"select user_id from purchase_claim where id = (select min(id) from ({_OF_TRANSACTION}) as claim)"
_WAIT = """
    update purchase_claim set state = 'waiting', reason = $2, transaction_id = coalesce($3, transaction_id), changed_at = now()
    where id = $1 and state <> 'credited'
"""
_CREDITED = """
    update purchase_claim set state = 'credited', reason = '', transaction_id = $2, changed_at = now(),
        due_at = case when $3 then null else due_at end
    where id = $1
"""
# The key of a refused call may be used again.
_REFUSE = """
    update purchase_claim
    set state = 'refused', reason = $2, client_ref = null, transaction_id = coalesce($3, transaction_id), due_at = null, changed_at = now()
    where id = $1 and state <> 'credited'
"""
_KEEP_REFUSED = """
    insert into purchase_claim (user_id, store, reference, digest, transaction_id, state, reason)
    values ($1, $2, $3, $4, $5, 'refused', $6)
    on conflict (store, digest, user_id) do nothing
"""
_TAKE_DUE = f"""
    update purchase_claim set attempts = attempts + 1, due_at = {_BACKOFF}
    where id in (
        select id from purchase_claim where due_at <= now() and store <> all($2::text[])
        order by due_at limit $1 for update skip locked)
    returning {_COLUMNS}, clock_timestamp() as asked_at
"""
_HURRY = f"update purchase_claim set due_at = now() where id = any(array({_OF_TRANSACTION})) and due_at > now()"
_RETRY = f"""
    update purchase_claim set due_at = now(), state = 'waiting', attempts = 0, changed_at = now()
    where id = $1 and state <> 'credited' returning {_COLUMNS}
"""
_GET = f"select {_COLUMNS} from purchase_claim where id = $1"
_OPEN_CLAIMS = f"""
    select {_COLUMNS} from purchase_claim where state = 'waiting' or due_at is not null order by id limit $1
"""
_REFUSED = f"select {_COLUMNS} from purchase_claim where state = 'refused' order by id desc limit $1"
_LATEST = f"select {_COLUMNS} from purchase_claim order by id desc limit $1"
_OF_USER = f"select {_COLUMNS} from purchase_claim where user_id = $1 order by id desc limit $2"
_WAITING = """
    select store, count(*) as claims, extract(epoch from now() - min(created_at))::float8 as oldest_s from purchase_claim
    where state = 'waiting' or due_at is not null group by store
"""
_REFUSED_COUNT = "select count(*) from purchase_claim where state = 'refused' and reason = $1"
_DELETE_OLD = """
    delete from purchase_claim where id in (
        select id from purchase_claim where changed_at < now() - $1::interval and state <> 'waiting' and due_at is null
        limit $2)
"""
_EXPORT = """
    select id, store, transaction_id, device, state, reason, created_at from purchase_claim
    where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_FORGET = "delete from purchase_claim where user_id = $1"


class ClaimState(StrEnum):
    WAITING = "waiting"
    CREDITED = "credited"
    """The store may still have to be told."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class KeptClaim:
    id: int
    user_id: UserId
    store: str
    reference: str
    client_ref: str | None
    device: str
    transaction_id: str
    """Empty: the store has not answered yet."""
    state: ClaimState
    reason: str
    """The code of the error for which it waits or was refused."""
    attempts: int
    due_at: dt.datetime | None
    created_at: dt.datetime
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim whose store is asked now."""

    claim: KeptClaim
    asked_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    store: str
    claims: int
    oldest_s: float


def digest_of(reference: str) -> bytes:
    return hashlib.sha256(reference.encode()).digest()


def _claim(row: Row) -> KeptClaim:
    values = {name: value for name, value in row.items() if name != "asked_at"}
    return KeptClaim(**{**values, "state": ClaimState(row["state"])})


def _asked(row: Row) -> Asked:
    return Asked(_claim(row), row["asked_at"])


async def digest_by_client_ref(connection: Connection, user_id: UserId, client_ref: str) -> bytes | None:
    """The digest of the claim for which this user used the key."""
    digest: bytes | None = await connection.fetchval(_BY_CLIENT_REF, user_id, client_ref)
    return digest


async def others_waiting(connection: Connection, user_id: UserId, digest: bytes) -> int:
    """How many other claims of the user wait."""
    count: int = await connection.fetchval(_OPEN, user_id, digest)
    return count


async def keep(
    connection: Connection, user_id: UserId, store: str, reference: str, device: str, client_ref: str | None
) -> Asked:
    """Keep the claim, or the same one of before. The job asks about it after FIRST_QUESTION_S, unless it is closed by
    then."""
    wait = dt.timedelta(seconds=FIRST_QUESTION_S)
    row = await connection.fetchrow(_KEEP, user_id, store, reference, digest_of(reference), device, client_ref, wait)
    return _asked(present(row, "an upsert returns its row"))


async def first_claimant(
    source: Connection | Database, store: str, transaction_id: str, reference: str
) -> UserId | None:
    """The user who claimed the transaction first. `reference`: what the store was asked for."""
    user_id: UserId | None = await source.fetchval(_FIRST_CLAIMANT, store, transaction_id, digest_of(reference))
    return user_id


async def wait(database: Database, claim_id: int, reason: str, transaction_id: str | None) -> None:
    """The claim stays open. `transaction_id`: as the store named it; None: it did not answer."""
    await database.execute(_WAIT, claim_id, reason, transaction_id)


async def credited(database: Database, claim_id: int, transaction_id: str, *, finished: bool) -> None:
    """`finished`: the store was told. Else the job tells it."""
    await database.execute(_CREDITED, claim_id, transaction_id, finished)


async def refuse(database: Database, claim: KeptClaim, reason: str, transaction_id: str | None, kept: int) -> None:
    """`kept`: how many claims of this user that were refused for this reason stay."""
    await database.execute(_REFUSE, claim.id, reason, transaction_id)
    await database.execute(_CUT_REFUSED, claim.user_id, reason, kept)


async def keep_refused(
    database: Database, user_id: UserId, store: str, reference: str, transaction_id: str, reason: str
) -> None:
    """Keep a purchase of which only the store told us, as a claim of its buyer that an operator can retry."""
    await database.execute(_KEEP_REFUSED, user_id, store, reference, digest_of(reference), transaction_id, reason)


async def take_due(database: Database, limit: int, down: Collection[str]) -> Sequence[Asked]:
    """Claims that are due, oldest first, without those of the stores that are down. They are due again after the backoff,
    unless they are closed by then."""
    return [_asked(row) for row in await database.fetch(_TAKE_DUE, limit, list(down))]


async def hurry(database: Database, store: str, transaction_id: str, reference: str) -> None:
    """The open claims of this transaction are due now."""
    await database.execute(_HURRY, store, transaction_id, digest_of(reference))


async def retry(connection: Connection, claim_id: int) -> KeptClaim | None:
    """None: there is no such claim, or it is credited."""
    row = await connection.fetchrow(_RETRY, claim_id)
    return None if row is None else _claim(row)


async def get(source: Connection | Database, claim_id: int) -> KeptClaim | None:
    row = await source.fetchrow(_GET, claim_id)
    return None if row is None else _claim(row)


async def open_claims(database: Database, limit: int) -> Sequence[KeptClaim]:
    """Claims that wait, oldest first."""
    return [_claim(row) for row in await database.fetch(_OPEN_CLAIMS, limit)]


async def refused(database: Database, limit: int) -> Sequence[KeptClaim]:
    """Claims that were refused, newest first."""
    return [_claim(row) for row in await database.fetch(_REFUSED, limit)]


async def latest(database: Database, limit: int, user_id: UserId | None = None) -> Sequence[KeptClaim]:
    """All claims, newest first."""
    about = (_LATEST, limit) if user_id is None else (_OF_USER, user_id, limit)
    return [_claim(row) for row in await database.fetch(*about)]


async def waiting(source: Connection | Database) -> Sequence[Waiting]:
    """How many claims wait, and since when, by store."""
    return [Waiting(**row) for row in await source.fetch(_WAITING)]


async def refused_for(source: Connection | Database, reason: str) -> int:
    count: int = await source.fetchval(_REFUSED_COUNT, reason)
    return count


async def delete_old(database: Database, kept: dt.timedelta, most: int) -> int:
    """Delete at most `most` closed claims. Returns their number."""
    return int((await database.execute(_DELETE_OLD, kept, most)).split()[-1])


async def exported_claims(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """Without the receipts, which are credentials for the store."""
    return await database.fetch(_EXPORT, user_id, before, limit)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)
