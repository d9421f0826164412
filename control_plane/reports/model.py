"""Reports, decisions about them, what can be reported, and the errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.storage.model import FileName

USER, STREAM, MESSAGE, VIDEO, COMMENT = "user", "stream", "message", "video", "comment"
"""Kinds of things. Each domain that registers another kind names it."""


class Subject(NamedTuple):
    """What is reported."""

    kind: str
    id: str
    """Its id among those of its kind."""


class Snapshot(NamedTuple):
    """A thing as it is now."""

    user_id: UserId
    """Whose thing it is."""
    shown: Mapping[str, str | int]
    """What others see of it."""
    files: Sequence[FileName] = ()
    """Its pictures in storage. The report keeps them."""


class Thing(NamedTuple):
    """A kind of thing that can be reported."""

    snapshot: Callable[[str], Awaitable[Snapshot | None]]
    """By the id. None: there is no such thing."""
    remove: Callable[[Connection, str], Awaitable[None]] | None = None
    """Remove it, in the transaction of the decision. None: it can only be ended."""


Things: TypeAlias = Mapping[str, Thing]
"""By kind."""


class Action(StrEnum):
    NONE = "none"
    REMOVE = "remove"
    """The thing. Of a user: the texts and the pictures of the profile."""
    END = "end"
    """A stream."""
    SUSPEND = "suspend"
    """Ban the user for some days."""
    BAN = "ban"


LOCKS = frozenset({Action.SUSPEND, Action.BAN})
"""Actions after which the user cannot sign in."""


@dataclass(frozen=True, slots=True)
class Reason:
    id: int
    title: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Report:
    id: int
    reporter_id: UserId | None
    """None: the reporter's account was removed."""
    subject: Subject
    user_id: UserId
    reason: str
    description: str
    evidence: Mapping[str, str | int] | None
    """None: deleted some time after the decision."""
    files: Sequence[FileName]
    created_at: dt.datetime
    decision_id: int | None
    """None: open."""
    closed_at: dt.datetime | None
    open_reports: int
    """Of the same thing, this one included."""


@dataclass(frozen=True, slots=True)
class Decision:
    id: int
    subject: Subject
    user_id: UserId
    action: Action
    why: str
    until: dt.datetime | None
    """End of a suspension."""
    decided_at: dt.datetime
    lifted_at: dt.datetime | None
    """An appeal was accepted."""
    appeal: str
    appealed_at: dt.datetime | None
    appeal_accepted: bool | None
    """None: not decided."""
    appeal_answer: str
    appeal_decided_at: dt.datetime | None


class NothingToReport(ControlPlaneError):
    code = "nothing_to_report"
    kind = ErrorKind.REFUSED

    def __init__(self, kind: str) -> None:
        super().__init__(f"There is no such {kind.replace('_', ' ')}.")


class UnknownReason(ControlPlaneError):
    code = "unknown_report_reason"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Please choose one of the listed reasons.")


class OwnThing(ControlPlaneError):
    code = "own_thing_reported"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You cannot report yourself.")


class AlreadyReported(ControlPlaneError):
    code = "already_reported"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You have reported this already. We are looking at it.")


class TooManyReports(ControlPlaneError):
    code = "too_many_reports"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have sent many reports. Please try again tomorrow.")


class NoSuchDecision(ControlPlaneError):
    """There is none, or this caller may not appeal it."""

    code = "no_such_decision"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such decision about your account, or the code is wrong.")


class AppealNotPossible(ControlPlaneError):
    code = "appeal_not_possible"
    kind = ErrorKind.REFUSED


class NoSuchReport(ControlPlaneError):
    code = "no_such_report"
    kind = ErrorKind.REFUSED

    def __init__(self, report_id: int) -> None:
        super().__init__(f"There is no report {report_id}.")


class AlreadyClosed(ControlPlaneError):
    code = "report_closed"
    kind = ErrorKind.REFUSED


class WrongAction(ControlPlaneError):
    """The action is not possible with this thing."""

    code = "wrong_report_action"
    kind = ErrorKind.REFUSED


class NoOpenAppeal(ControlPlaneError):
    code = "no_open_appeal"
    kind = ErrorKind.REFUSED

    def __init__(self, decision_id: int) -> None:
        super().__init__(f"Decision {decision_id} has no open appeal.")
