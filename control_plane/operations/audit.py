"""Audit log: operators' acts in an append-only table. Each entry is written in the transaction of its act."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NewType

import msgspec

from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

Actor = NewType("Actor", str)
"""`cli:<login name>` for an operator at the command line, or `server`."""
Subject = NewType("Subject", str)
"""What the act changed: `user:7`, `stream:12`, `secrets:hook`, `database:<incarnation>`."""


class Act(StrEnum):
    """`<kind of subject>.<what was done>`."""

    USER_ADDED = "user.added"
    USER_MADE_OPERATOR = "user.made_operator"
    USER_MADE_ORDINARY = "user.made_ordinary"
    USER_BANNED = "user.banned"
    USER_SUSPENDED = "user.suspended"
    USER_UNBANNED = "user.unbanned"
    USER_DELETED = "user.deleted"
    PASSWORD_SET = "user.password_set"  # noqa: S105  an act, not a password
    DATA_EXPORTED = "user.data_exported"
    USER_VERIFIED = "user.verified"
    VERIFICATION_REJECTED = "user.verification_rejected"
    DOCUMENT_READ = "user.document_read"
    """The identity document of a verification request."""
    SESSIONS_REVOKED = "user.sessions_revoked"
    SESSION_ENDED = "user.session_ended"
    SESSION_ISSUED = "user.session_issued"
    REPORT_CLOSED = "report.closed"
    EVIDENCE_READ = "report.evidence_read"
    """The pictures that a report keeps."""
    APPEAL_ACCEPTED = "user.appeal_accepted"
    APPEAL_REJECTED = "user.appeal_rejected"
    STREAM_ENDED = "stream.ended"
    KEY_ROTATED = "stream.key_rotated"
    KEY_REVOKED = "stream.key_revoked"
    SECRETS_ROTATED = "secrets.rotated"
    DATABASE_RESTORED = "database.restored"
    """The server detected the restore at its start."""
    DATABASE_RENEWED = "database.renewed"
    """An operator declared the restore (`stagedoor database renew`)."""
    DATABASE_TO_PRODUCTION = "database.made_fit_for_production"
    SLIDER_ADDED = "slider.added"
    SLIDER_EDITED = "slider.edited"
    SLIDER_REMOVED = "slider.removed"
    INTEREST_ADDED = "interest.added"
    INTEREST_EDITED = "interest.edited"
    INTEREST_REMOVED = "interest.removed"
    INTEREST_SECTION_REMOVED = "interests.section_removed"
    LICENCE_CHANGED = "licence.changed"
    PURCHASE_RETRIED = "purchase.retried"
    GIFT_ADDED = "gift.added"
    GIFT_EDITED = "gift.edited"
    GIFT_RETIRED = "gift.retired"
    GIFT_OFFERED = "gift.offered"
    PACKAGE_ADDED = "package.added"
    PACKAGE_EDITED = "package.edited"
    PACKAGE_RETIRED = "package.retired"
    PACKAGE_OFFERED = "package.offered"
    PRODUCT_SET = "package.product_set"
    """The package's product in a store."""
    LEDGER_EXPORTED = "ledger.exported"
    JOB_RETRIED = "job.retried"
    JOB_DROPPED = "job.dropped"
    PAYOUT_APPROVED = "user.payout_approved"
    PAYOUT_REJECTED = "user.payout_rejected"
    PAYOUT_PAID = "user.payout_paid"
    PAYOUT_EXPORTED = "user.payout_exported"
    """Written into a file for the bank."""
    PAYOUT_ADDRESS_READ = "user.payout_address_read"
    VIDEO_RETRIED = "video.retried"
    VIDEO_REMOVED = "video.removed"
    """With all of equal uploads."""
    STORAGE_REPAIRED = "storage.repaired"


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    at: dt.datetime
    actor: Actor
    act: str
    """A value of Act, or one that a newer release wrote."""
    subject: Subject
    detail: Mapping[str, Any]


def user(user_id: UserId) -> Subject:
    return Subject(f"user:{user_id}")


def report(report_id: int) -> Subject:
    return Subject(f"report:{report_id}")


def stream(stream_id: StreamId) -> Subject:
    return Subject(f"stream:{stream_id}")


_RECORD = "insert into audit_log (actor, act, subject, detail) values ($1, $2, $3, $4::jsonb)"
_LATEST = "select id, at, actor, act, subject, detail::text as detail from audit_log order by id desc limit $1"
_LATEST_ABOUT = """
    select id, at, actor, act, subject, detail::text as detail from audit_log
    where subject = $2
    order by id desc limit $1
"""
_EXPORT = "select id, at, act from audit_log where subject = $1 and id < $2::bigint order by id desc limit $3"


_RECORD_EACH = """
    insert into audit_log (actor, act, subject, detail)
    select $1, $2, subject, detail::jsonb from unnest($3::text[], $4::text[]) with ordinality as entry (subject, detail, number)
    order by number
"""


async def record(connection: Connection, actor: Actor, act: Act, subject: Subject, **detail: str | int) -> None:
    """Add an entry, within the act's transaction. `detail` must not hold secrets."""
    await connection.execute(_RECORD, actor, act.value, subject, msgspec.json.encode(detail).decode())


async def record_each(
    connection: Connection, actor: Actor, act: Act, entries: Sequence[tuple[Subject, Mapping[str, object]]]
) -> None:
    """As `record`, for one act about many."""
    subjects = [subject for subject, _ in entries]
    details = [msgspec.json.encode(detail).decode() for _, detail in entries]
    await connection.execute(_RECORD_EACH, actor, act.value, subjects, details)


async def latest(database: Database, limit: int, subject: Subject | None = None) -> Sequence[Entry]:
    """Newest first. `subject`: only entries about it."""
    about = (_LATEST, limit) if subject is None else (_LATEST_ABOUT, limit, subject)
    return [_entry(row) for row in await database.fetch(*about)]


def _entry(row: Row) -> Entry:
    return Entry(**{**row, "detail": msgspec.json.decode(row["detail"])})


async def exported_acts(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    """Operators' acts about this user, without the operators."""
    return await database.fetch(_EXPORT, user(user_id), before, limit)
