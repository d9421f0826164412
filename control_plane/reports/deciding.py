"""Operators' decisions about reports and appeals. Each is one transaction with its action, its audit entry and the job
that tells both sides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.accounts import bans_store
from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import StreamId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor
from control_plane.reports import store
from control_plane.reports.model import (
    LOCKS,
    STREAM,
    Action,
    AlreadyClosed,
    Decision,
    NoOpenAppeal,
    NoSuchReport,
    Report,
    Things,
    WrongAction,
)
from control_plane.reports.telling import send_letter, tell_appeal, tell_decision
from control_plane.storage.files import Files
from control_plane.storage.model import FileName
from control_plane.streams.denial import deny_with_stream
from control_plane.streams.lifecycle import Also, Lifecycle
from control_plane.streams.model import EndReason, Stream

LONGEST_SUSPENSION_DAYS = 3650
"""Longer: a ban says what is meant."""


@dataclass(frozen=True, slots=True)
class Closed:
    decision_id: int
    reports: int
    """Open reports of the thing, all closed now."""
    stream: Stream | None
    """The stream that was ended."""


class Deciding:
    def __init__(
        self, database: Database, lifecycle: Lifecycle, things: Things, actor: Actor, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._things = things
        self._actor = actor
        self._clock = clock

    async def close(self, report_id: int, action: Action, why: str, days: int = 0) -> Closed:
        """Close every open report of the thing. `why`: both sides are told. `days`: of a suspension. Raises
        NoSuchReport, AlreadyClosed and WrongAction."""
        report = await store.get(self._database, report_id)
        if report is None:
            raise NoSuchReport(report_id)
        if report.decision_id is not None:
            raise _closed(report)
        self._check(report, action)
        until = self._clock() + dt.timedelta(days=days) if action is Action.SUSPEND else None
        act = _Act(report, action, why, until, self._things, self._actor)
        try:
            stream = await self._carry_out(report, action, act)
        except _DecidedMeanwhile:
            raise _closed(await store.get(self._database, report_id) or report) from None
        return Closed(act.decision_id, act.reports, stream)

    async def _carry_out(self, report: Report, action: Action, act: _Act) -> Stream | None:
        """Returns the stream that was ended."""
        if action in LOCKS:
            _, stream = await deny_with_stream(self._database, report.user_id, act.decide, self._end, self._noted)
            return stream
        if action is Action.END or (action is Action.REMOVE and report.subject.kind == STREAM):
            return await self._end_reported(report, act)
        async with self._database.transaction() as connection:
            await act.decide(connection)
        return None

    def _check(self, report: Report, action: Action) -> None:
        kind = report.subject.kind
        if action is Action.END and kind != STREAM:
            raise WrongAction(f"A {kind} cannot be ended. Choose none, remove, suspend or ban.")
        if action is Action.REMOVE and kind != STREAM and self._things[kind].remove is None:
            raise WrongAction(f"A {kind} cannot be removed. Choose none, suspend or ban.")

    async def _end(self, stream_id: StreamId, also: Also) -> Stream | None:
        return await self._lifecycle.end(stream_id, EndReason.OPERATOR, also=also)

    async def _noted(self, connection: Connection, stream: Stream) -> None:
        await audit.record(connection, self._actor, Act.STREAM_ENDED, audit.stream(stream.id), user=stream.user_id)

    async def _end_reported(self, report: Report, act: _Act) -> Stream:
        async def decide_too(connection: Connection, stream: Stream) -> None:
            await act.decide(connection)
            await self._noted(connection, stream)

        stream = await self._end(StreamId(int(report.subject.id)), decide_too)
        if stream is None:
            raise WrongAction(f"Stream {report.subject.id} has ended already. Choose none, suspend or ban.")
        return stream

    async def answer_appeal(self, decision_id: int, *, accepted: bool, why: str) -> Decision:
        """Accepting lifts a suspension or a ban; what was removed or ended stays so. Raises NoOpenAppeal."""
        act = Act.APPEAL_ACCEPTED if accepted else Act.APPEAL_REJECTED
        async with self._database.transaction() as connection:
            decision = await store.answer(connection, decision_id, accepted=accepted, text=why)
            if decision is None:
                raise NoOpenAppeal(decision_id)
            if accepted and decision.action in LOCKS:
                await self._lift(connection, decision)
            await audit.record(
                connection, self._actor, act, audit.user(decision.user_id), decision=decision_id, why=why
            )
            await tell_appeal.enqueue(connection, decision_id=decision_id)
            await send_letter.enqueue(connection, decision_id=decision_id, about_appeal=True)
        return decision

    async def _lift(self, connection: Connection, decision: Decision) -> None:
        """A ban that an operator or another decision made stays."""
        if await bans_store.undo_ban(connection, decision.user_id, decision.id):
            await audit.record(connection, self._actor, Act.USER_UNBANNED, audit.user(decision.user_id))
            if other := await store.lock_in_force(connection, decision.user_id):
                await bans_store.ban(connection, decision.user_id, other.until, other.id)


class _DecidedMeanwhile(Exception):
    """Not a ControlPlaneError: after one, a stream's event log commits what its work has written before."""


class _Act:
    """One decision about a report. `decide` may run again, in another transaction: after one that failed it decides
    again, after one that committed it does nothing."""

    def __init__(
        self, report: Report, action: Action, why: str, until: dt.datetime | None, things: Things, actor: Actor
    ) -> None:
        self._report = report
        self._action = action
        self._why = why
        self._until = until
        self._things = things
        self._actor = actor
        self.decision_id = 0
        self.reports = 0

    async def decide(self, connection: Connection) -> bool:
        """False: it is decided. Raises _DecidedMeanwhile if another operator was faster."""
        report = self._report
        report_ids = await store.lock_open(connection, report.subject)
        if report.id not in report_ids:
            now = await store.get(connection, report.id)
            if now is not None and now.decision_id == self.decision_id:
                return False
            raise _DecidedMeanwhile
        self.reports = len(report_ids)
        self.decision_id = await store.decide(
            connection, report.subject, report.user_id, self._action, self._why, self._until, report_ids
        )
        await self._carry_out(connection)
        await audit.record(
            connection,
            self._actor,
            Act.REPORT_CLOSED,
            audit.report(report.id),
            action=self._action.value,
            decision=self.decision_id,
            user=report.user_id,
            why=self._why,
        )
        await tell_decision.enqueue(connection, decision_id=self.decision_id)
        if self._action in LOCKS:
            await send_letter.enqueue(connection, decision_id=self.decision_id)
        return True

    async def _carry_out(self, connection: Connection) -> None:
        report, action = self._report, self._action
        remove = self._things[report.subject.kind].remove if report.subject.kind in self._things else None
        if action is Action.REMOVE and remove is not None:
            await remove(connection, report.subject.id)
        elif action in LOCKS and await bans_store.ban(connection, report.user_id, self._until, self.decision_id):
            act = Act.USER_SUSPENDED if action is Action.SUSPEND else Act.USER_BANNED
            await audit.record(connection, self._actor, act, audit.user(report.user_id), decision=self.decision_id)


def _closed(report: Report) -> AlreadyClosed:
    at = f" at {report.closed_at:%Y-%m-%d %H:%M} UTC" if report.closed_at else ""
    return AlreadyClosed(f"Report {report.id} was closed{at} by decision {report.decision_id}.")


async def reported(database: Database, report_id: int) -> Report:
    """Raises NoSuchReport."""
    found = await store.get(database, report_id)
    if found is None:
        raise NoSuchReport(report_id)
    return found


async def read_evidence(database: Database, files: Files, actor: Actor, report: Report) -> list[tuple[str, bytes]]:
    """Names and contents of the report's pictures. Reading them is an act, because they may be private. Raises
    StorageUnavailable and FileMissing."""
    read = [
        (name.rsplit("/", 1)[-1], b"".join([part async for part in files.storage.read(FileName(name))]))
        for name in report.files
    ]
    if read:
        async with database.transaction() as connection:
            await audit.record(
                connection, actor, Act.EVIDENCE_READ, audit.report(report.id), user=report.user_id, files=len(read)
            )
    return read
