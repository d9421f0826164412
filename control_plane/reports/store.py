"""SQL of reports, of decisions about them, and of appeals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.reports.model import Action, Decision, Reason, Report, Snapshot, Subject

_REASONS = "select id, title, created_at from report_reason order by position, id"
_LOCK_REPORTER = "select true from app_user where id = $1 for no key update"
_STANDING = """
    select exists (select from report where reporter_id = $1 and kind = $2 and thing_id = $3 and closed_at is null) as reported,
        (select count(*) from report where reporter_id = $1 and closed_at is null) as open,
        (select count(*) from (
            select created_at from report where reporter_id = $1 order by id desc limit $5) as latest
            where created_at > now() - interval '1 day') as today,
        exists (select from report_reason where id = $4) as known_reason
"""
_ADD = """
    insert into report (reporter_id, kind, thing_id, user_id, reason_id, description, evidence, files)
    values ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8) returning id
"""
_SELECT = """
    select report.id, reporter_id, kind, thing_id, user_id, title as reason, description, evidence::text as evidence, files,
        report.created_at, decision_id, closed_at,
        (select count(*) from report same where same.kind = report.kind and same.thing_id = report.thing_id
            and same.closed_at is null) as open_reports
    from report join report_reason reason on reason.id = reason_id
"""
_GET = _SELECT + "where report.id = $1"
_WAITING = (
    _SELECT
    + """
    where closed_at is null and ($2::text = '' or kind = $2) and ($3::integer is null or reason_id = $3)
    order by report.id limit $1
"""
)
_LATEST = (
    _SELECT
    + """
    where ($2::text = '' or kind = $2) and ($3::integer is null or reason_id = $3) order by report.id desc limit $1
"""
)
_LATEST_ABOUT = (
    _SELECT
    + """
    where user_id = $4 and ($2::text = '' or kind = $2) and ($3::integer is null or reason_id = $3)
    order by report.id desc limit $1
"""
)
_BACKLOG = """
    select count(*) as reports, extract(epoch from now() - min(created_at))::float8 as oldest_s,
        (select count(*) from report_decision where appealed_at is not null and appeal_decided_at is null) as appeals
    from report where closed_at is null
"""
_LOCK_OPEN = "select id from report where kind = $1 and thing_id = $2 and closed_at is null order by id for update"
_DECIDE = """
    insert into report_decision (kind, thing_id, user_id, action, why, until) values ($1, $2, $3, $4, $5, $6) returning id
"""
_CLOSE = "update report set closed_at = now(), decision_id = $2 where id = any($1::integer[])"
_DECISION_COLUMNS = """
    id, kind, thing_id, user_id, action, why, until, decided_at, lifted_at, appeal, appealed_at, appeal_accepted,
    appeal_answer, appeal_decided_at
"""
_DECISION = f"select {_DECISION_COLUMNS} from report_decision where id = $1"
_DECISIONS_ABOUT = f"""
    select {_DECISION_COLUMNS} from report_decision where user_id = $1 and action <> 'none' order by id desc limit $2 offset $3
"""
_APPEALS = f"""
    select {_DECISION_COLUMNS} from report_decision where appealed_at is not null and appeal_decided_at is null
    order by appealed_at limit $1
"""
_APPEAL = """
    update report_decision set appeal = $2, appealed_at = now()
    where id = $1 and action <> 'none' and appealed_at is null and decided_at > now() - $3::interval returning true
"""
_ANSWER = f"""
    update report_decision set appeal_accepted = $2, appeal_answer = $3, appeal_decided_at = now(),
        lifted_at = case when $2 then now() end
    where id = $1 and appealed_at is not null and appeal_decided_at is null returning {_DECISION_COLUMNS}
"""
_IN_FORCE = f"""
    select {_DECISION_COLUMNS} from report_decision
    where user_id = $1 and lifted_at is null and (action = 'ban' or (action = 'suspend' and until > now()))
    order by until desc nulls first limit 1
"""
_UNTOLD = """
    update report set told = true where id in (
        select id from report where decision_id = $1 and not told order by id limit $2 for update)
    returning reporter_id
"""
_UNTOLD_USER = """
    update report_decision set told = true where id = $1 and not told and action <> 'none' returning true
"""
_UNTOLD_APPEAL = """
    update report_decision set appeal_told = true where id = $1 and appeal_decided_at is not null and not appeal_told
    returning true
"""
_OLD_EVIDENCE = """
    select report.id from report join report_decision decision on decision.id = decision_id
    where evidence is not null and closed_at < now() - $1::interval
        and (appealed_at is null or appeal_decided_at < now() - $2::interval)
    order by closed_at limit $3
"""
_DELETE_EVIDENCE = "update report set evidence = null, files = '{}', description = '' where id = $1"
_FORGET_REPORTER = """
    update report set reporter_id = null, description = case when closed_at is null then description else '' end
    where reporter_id = $1
"""
_FORGET_APPEALS = "update report_decision set appeal = '' where user_id = $1"
_EXPORT_REPORTS = """
    select report.id, kind, thing_id, title as reason, description, report.created_at, closed_at
    from report join report_reason reason on reason.id = reason_id
    where reporter_id = $1 and report.id < $2::bigint order by report.id desc limit $3
"""
_EXPORT_DECISIONS = """
    select id, kind, thing_id, action, why, until, decided_at, lifted_at, appeal, appealed_at, appeal_accepted, appeal_answer,
        appeal_decided_at
    from report_decision where user_id = $1 and action <> 'none' and id < $2::bigint order by id desc limit $3
"""


class Standing(NamedTuple):
    """What a reporter has reported already."""

    reported: bool
    """This thing, and the report is open."""
    open: int
    today: int
    """Reports of the last 24 hours."""
    known_reason: bool


class Backlog(NamedTuple):
    reports: int
    oldest_s: float
    """Age of the oldest open report."""
    appeals: int


def _report(row: Row) -> Report:
    return Report(
        row["id"],
        row["reporter_id"],
        Subject(row["kind"], row["thing_id"]),
        row["user_id"],
        row["reason"],
        row["description"],
        None if row["evidence"] is None else msgspec.json.decode(row["evidence"]),
        row["files"],
        row["created_at"],
        row["decision_id"],
        row["closed_at"],
        row["open_reports"],
    )


def _decision(row: Row) -> Decision:
    return Decision(
        row["id"],
        Subject(row["kind"], row["thing_id"]),
        row["user_id"],
        Action(row["action"]),
        row["why"],
        row["until"],
        row["decided_at"],
        row["lifted_at"],
        row["appeal"],
        row["appealed_at"],
        row["appeal_accepted"],
        row["appeal_answer"],
        row["appeal_decided_at"],
    )


async def reasons(database: Database) -> Sequence[Reason]:
    return [Reason(**row) for row in await database.fetch(_REASONS)]


async def lock_reporter(connection: Connection, reporter_id: UserId) -> None:
    await connection.execute(_LOCK_REPORTER, reporter_id)


async def standing(
    source: Connection | Database, reporter_id: UserId, subject: Subject, reason_id: int, most: int
) -> Standing:
    """`most`: at most so many reports of the last 24 hours are counted."""
    [row] = await source.fetch(_STANDING, reporter_id, subject.kind, subject.id, reason_id, most)
    return Standing(**row)


async def add(
    connection: Connection, reporter_id: UserId, subject: Subject, reason_id: int, description: str, snapshot: Snapshot
) -> int:
    report_id: int = await connection.fetchval(
        _ADD,
        reporter_id,
        subject.kind,
        subject.id,
        snapshot.user_id,
        reason_id,
        description,
        msgspec.json.encode(snapshot.shown).decode(),
        list(snapshot.files),
    )
    return report_id


async def get(source: Connection | Database, report_id: int) -> Report | None:
    row = await source.fetchrow(_GET, report_id)
    return None if row is None else _report(row)


async def waiting(database: Database, limit: int, kind: str = "", reason_id: int | None = None) -> Sequence[Report]:
    """Open reports, oldest first. `kind`, `reason_id`: only those."""
    return [_report(row) for row in await database.fetch(_WAITING, limit, kind, reason_id)]


async def latest(
    database: Database, limit: int, kind: str = "", reason_id: int | None = None, about: UserId | None = None
) -> Sequence[Report]:
    """Open and closed reports, newest first. `about`: only those of this user and the user's things."""
    if about is None:
        return [_report(row) for row in await database.fetch(_LATEST, limit, kind, reason_id)]
    return [_report(row) for row in await database.fetch(_LATEST_ABOUT, limit, kind, reason_id, about)]


async def backlog(source: Connection | Database) -> Backlog:
    [row] = await source.fetch(_BACKLOG)
    return Backlog(row["reports"], row["oldest_s"] or 0.0, row["appeals"])


async def lock_open(connection: Connection, subject: Subject) -> Sequence[int]:
    """The open reports of a thing, locked."""
    return [row["id"] for row in await connection.fetch(_LOCK_OPEN, subject.kind, subject.id)]


async def decide(
    connection: Connection,
    subject: Subject,
    user_id: UserId,
    action: Action,
    why: str,
    until: dt.datetime | None,
    report_ids: Sequence[int],
) -> int:
    """Close these reports with a decision, and return its id."""
    decision_id: int = await connection.fetchval(_DECIDE, subject.kind, subject.id, user_id, action.value, why, until)
    await connection.execute(_CLOSE, report_ids, decision_id)
    return decision_id


async def decision(source: Connection | Database, decision_id: int) -> Decision | None:
    row = await source.fetchrow(_DECISION, decision_id)
    return None if row is None else _decision(row)


async def decisions_about(database: Database, user_id: UserId, limit: int, offset: int) -> Sequence[Decision]:
    """Decisions that act on the user, newest first."""
    return [_decision(row) for row in await database.fetch(_DECISIONS_ABOUT, user_id, limit, offset)]


async def appeals(database: Database, limit: int) -> Sequence[Decision]:
    """Decisions with an open appeal, oldest appeal first."""
    return [_decision(row) for row in await database.fetch(_APPEALS, limit)]


async def appeal(database: Database, decision_id: int, text: str, within: dt.timedelta) -> bool:
    """False: the decision was appealed already, is older, or acts on no one."""
    return bool(await database.fetchval(_APPEAL, decision_id, text, within))


async def answer(connection: Connection, decision_id: int, *, accepted: bool, text: str) -> Decision | None:
    """Decide an open appeal. None: there is none."""
    row = await connection.fetchrow(_ANSWER, decision_id, accepted, text)
    return None if row is None else _decision(row)


async def lock_in_force(connection: Connection, user_id: UserId) -> Decision | None:
    """The decision that bans or suspends the user for the longest time."""
    row = await connection.fetchrow(_IN_FORCE, user_id)
    return None if row is None else _decision(row)


async def take_untold(connection: Connection, decision_id: int, limit: int) -> Sequence[UserId | None]:
    """Mark reports of a decision as told, and return their reporters; None for a removed account."""
    return [row["reporter_id"] for row in await connection.fetch(_UNTOLD, decision_id, limit)]


async def take_untold_user(connection: Connection, decision_id: int) -> bool:
    """Mark the user on whom the decision acts as told. False: the user was told, or it acts on no one."""
    return bool(await connection.fetchval(_UNTOLD_USER, decision_id))


async def take_untold_appeal(connection: Connection, decision_id: int) -> bool:
    """The same for the decision about the appeal."""
    return bool(await connection.fetchval(_UNTOLD_APPEAL, decision_id))


async def old_evidence(database: Database, days: int, after_appeal: dt.timedelta, limit: int) -> Sequence[int]:
    """Reports that were closed so many days ago, without an open or recent appeal, and still have their evidence."""
    rows = await database.fetch(_OLD_EVIDENCE, dt.timedelta(days=days), after_appeal, limit)
    return [row["id"] for row in rows]


async def delete_evidence(connection: Connection, report_id: int) -> None:
    await connection.execute(_DELETE_EVIDENCE, report_id)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """The user's reports stay without the reporter. Evidence about the user stays until its own end."""
    await connection.execute(_FORGET_REPORTER, user_id)
    await connection.execute(_FORGET_APPEALS, user_id)


async def exported_reports(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """Reports that the user sent."""
    return await database.fetch(_EXPORT_REPORTS, user_id, before, limit)


async def exported_decisions(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """Decisions that act on the user, without who reported."""
    return await database.fetch(_EXPORT_DECISIONS, user_id, before, limit)
