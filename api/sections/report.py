"""Reports of users, streams, messages, videos and comments, decisions about the caller, and appeals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Nothing, Section
from api.contract.paging import window
from api.contract.request import CallerId, Id, MalformedRequest, Page, Request, Text
from api.http.urls import Urls
from api.sections.videos.items import caller_view, one_item
from api.wire.person import User, Video
from api.wire.report import Decision, ReportReason, ReportVideo, decision_view, reason_view
from api.wire.values import wire_time
from control_plane.base.ids import UserId
from control_plane.messages.evidence import evidence_of
from control_plane.messages.model import Number
from control_plane.reports.deciding import reported
from control_plane.reports.model import (
    COMMENT,
    MESSAGE,
    STREAM,
    USER,
    VIDEO,
    AlreadyReported,
    AppealNotPossible,
    NoSuchDecision,
    NothingToReport,
    OwnThing,
    Reason,
    Subject,
    TooManyReports,
    UnknownReason,
)
from control_plane.videos.comments import store as comments
from control_plane.videos.comments.model import CommentId, CommentNotFound
from control_plane.videos.video import VideoId, VideoNotFound

section = Section("report")

THANKS = "Thank you for your report. We will look at it."
REFUSALS = (AlreadyReported, NothingToReport, OwnThing, TooManyReports, UnknownReason)

Description = Annotated[
    str, msgspec.Meta(max_length=1000, description="a longer one is cut at 1000 characters", extra={"cut": 1000})
]


class ReasonEntry(msgspec.Struct, frozen=True):
    report_reason: ReportReason = field(name="ReportReason")


@section.endpoint("showReportReasons", access=Access.OPEN)
async def show_report_reasons(call: Call, body: Nothing) -> list[ReasonEntry]:
    """The reasons that a report can have."""
    return _reasons(await call.reports.reasons.get(), call.urls)


def _views(reasons: Sequence[Reason], urls: Urls) -> list[ReasonEntry]:
    return [ReasonEntry(reason_view(reason)) for reason in reasons]


_reasons = EncodedOnce(_views)


class Report(Request, frozen=True, kw_only=True):
    """What every report has."""

    user_id: CallerId | None = None
    report_reason_id: Id | None = None
    """A reason from `showReportReasons`."""
    reason_id: Id | None = None
    """The same as `report_reason_id`."""
    description: Description = ""
    """What happened, in the caller's words. Only operators read it."""


class ReportUser(Report, frozen=True, kw_only=True):
    report_user_id: Id | None = None
    """The user to report."""
    reported_user_id: Id | None = None
    """The same as `report_user_id`."""


@section.endpoint("reportUser", refusals=REFUSALS)
async def report_user(call: Call, body: ReportUser) -> str:
    """Report a user to the operators, who see the profile as it is now, even if it changes. The user does not learn who
    reported. A block does not prevent a report."""
    return await _report(call, body, USER, _either("report_user_id", body.report_user_id, body.reported_user_id))


class ReportStream(Report, frozen=True, kw_only=True):
    live_streaming_id: Id
    """The stream to report. It may have ended."""


@section.endpoint("reportStream", refusals=REFUSALS)
async def report_stream(call: Call, body: ReportStream) -> str:
    """Report a live stream to the operators, who see its title, its host and its last picture as they are now. The host
    does not learn who reported."""
    return await _report(call, body, STREAM, body.live_streaming_id)


class ReportMessage(Report, frozen=True, kw_only=True):
    other_user_id: Id
    """The user who sent it."""
    number: Id
    """The number of the message in the conversation."""


@section.endpoint("reportMessage", refusals=REFUSALS)
async def report_message(call: Call, body: ReportMessage) -> str:
    """Report a direct message that the caller received. The operators see it as it is now, even if it is taken back. The
    sender does not learn who reported."""
    call.check_trusted()
    found = await evidence_of(call.platform.database, call.user_id, UserId(body.other_user_id), Number(body.number))
    if found is None:
        raise NothingToReport(MESSAGE)
    return await _report(call, body, MESSAGE, f"{found.conversation_id}:{body.number}")


class ReportComment(Report, frozen=True, kw_only=True):
    comment_id: Id
    """The comment or reply to report."""


@section.endpoint("reportComment", refusals=(*REFUSALS, CommentNotFound))
async def report_comment(call: Call, body: ReportComment) -> str:
    """Report a comment on a video to the operators, who see it as it is now, even if it is deleted. Its author does not
    learn who reported."""
    call.check_trusted()
    if await comments.seen(call.platform.database, call.user_id, CommentId(body.comment_id)) is None:
        raise CommentNotFound
    return await _report(call, body, COMMENT, body.comment_id)


class ReportVideoRequest(Report, frozen=True, kw_only=True):
    video_id: Id


class VideoReported(msgspec.Struct, frozen=True):
    report_video: ReportVideo = field(name="ReportVideo")
    user: User = field(name="User")
    """The caller."""
    video: Video = field(name="Video")


@section.endpoint("reportVideo", refusals=(*REFUSALS, VideoNotFound))
async def report_video(call: Call, body: ReportVideoRequest) -> VideoReported:
    """Report a video to the operators, who see it as it is now, even if its owner deletes it. The owner does not learn who
    reported."""
    call.check_trusted()
    item = await one_item(call, VideoId(body.video_id))
    reason_id = _reason(body)
    report_id = await _send(call, body, Subject(VIDEO, str(body.video_id)))
    sent = await reported(call.platform.database, report_id)
    caller = await caller_view(call)
    record = ReportVideo(
        id=sent.id,
        user_id=call.user_id,
        video_id=body.video_id,
        report_reason_title=sent.reason,
        report_reason_id=reason_id,
        description=sent.description,
        created=wire_time(sent.created_at),
    )
    return VideoReported(record, caller, item.video)


async def _report(call: Call, body: Report, kind: str, thing_id: int | str) -> str:
    await _send(call, body, Subject(kind, str(thing_id)))
    return THANKS


async def _send(call: Call, body: Report, subject: Subject) -> int:
    """The id of the report."""
    call.check_trusted()
    return await call.reports.reporting.report(call.user_id, subject, _reason(body), body.description)


def _reason(body: Report) -> int:
    return _either("report_reason_id", body.report_reason_id, body.reason_id)


def _either(name: str, one: int | None, other: int | None) -> int:
    """Raises MalformedRequest."""
    given = one or other
    if given is None:
        raise MalformedRequest(f"{name} is missing.")
    return given


class DecisionEntry(msgspec.Struct, frozen=True):
    decision: Decision = field(name="Decision")


class ShowReportDecisions(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


@section.endpoint("showReportDecisions")
async def show_report_decisions(call: Call, body: ShowReportDecisions) -> list[DecisionEntry]:
    """A page of the operators' decisions about the caller and the caller's things, newest first."""
    call.check_trusted()
    found = await call.reports.decisions_about(call.user_id, *window(body.starting_point))
    return [DecisionEntry(decision_view(decision)) for decision in found]


class AppealReport(Request, frozen=True, kw_only=True):
    decision_id: Id
    """The decision: from `showReportDecisions`, or from the address in the letter."""
    text: Text
    """Why the decision is wrong."""
    code: Text = ""
    """The code from the address in the letter, for a user who cannot sign in. The call is then made without a session."""
    user_id: CallerId | None = None


@section.endpoint("appealReport", access=Access.GUEST, refusals=(AppealNotPossible, NoSuchDecision))
async def appeal_report(call: Call, body: AppealReport) -> str:
    """Appeal a decision about the caller, once. A user who is suspended or blocked cannot sign in, and sends the code of
    the letter instead."""
    if not body.text:
        raise MalformedRequest("text is missing.")
    await call.reports.appeals.appeal(body.decision_id, body.text, call.viewer_id, body.code)
    return "Your appeal is sent. We will answer it."
