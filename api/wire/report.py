"""Reasons for reports, and decisions about the caller."""

from __future__ import annotations

import msgspec

from api.wire.values import Id, WireTime, wire_time
from control_plane.reports.model import Decision as StoredDecision
from control_plane.reports.model import Reason
from control_plane.reports.telling import what_happened


class ReportReason(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    title: str
    reason: str
    """The same as `title`."""
    created: WireTime


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    action: str
    """`remove`, `end`, `suspend` or `ban`."""
    kind: str
    """What was reported: `user`, `stream` …"""
    thing_id: str
    """Its id among those of its kind."""
    text: str
    """What was done."""
    why: str
    until: WireTime
    """The end of a suspension; all zeros: none."""
    lifted: WireTime
    """When an appeal was accepted; all zeros: it is in force."""
    appeal: str
    """`none`, `open`, `accepted` or `rejected`."""
    answer: str
    """To the appeal."""
    created: WireTime


class ReportVideo(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    user_id: Id
    """The caller."""
    video_id: Id
    report_reason_title: str
    report_reason_id: Id
    description: str
    created: WireTime


def reason_view(reason: Reason) -> ReportReason:
    return ReportReason(id=reason.id, title=reason.title, reason=reason.title, created=wire_time(reason.created_at))


def decision_view(decision: StoredDecision) -> Decision:
    return Decision(
        id=decision.id,
        action=decision.action.value,
        kind=decision.subject.kind,
        thing_id=decision.subject.id,
        text=what_happened(decision),
        why=decision.why,
        until=wire_time(decision.until),
        lifted=wire_time(decision.lifted_at),
        appeal=_appeal(decision),
        answer=decision.appeal_answer,
        created=wire_time(decision.decided_at),
    )


def _appeal(decision: StoredDecision) -> str:
    if decision.appealed_at is None:
        return "none"
    if decision.appeal_accepted is None:
        return "open"
    return "accepted" if decision.appeal_accepted else "rejected"
