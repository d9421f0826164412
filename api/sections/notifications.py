"""The inbox: what the caller was told, and push messages for messages that the apps keep elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Beside, Section
from api.contract.paging import window
from api.contract.request import CallerId, Id, MalformedRequest, Page, Request, Text, named_caller
from api.wire.notification import NotificationItem, notification_item
from control_plane.base.ids import UserId
from control_plane.inbox.messages import MOST_RECEIVERS, MessagesNotAccepted, TooManyMessages
from control_plane.inbox.model import EntryId
from control_plane.social.people import people
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import VideoId

section = Section("notifications")

TOLD = "The message is announced."


class ShowAllNotifications(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


@section.endpoint("showAllNotifications")
async def show_all_notifications(call: Call, body: ShowAllNotifications) -> list[NotificationItem]:
    """A page of the caller's inbox, newest first. A page after the last one is empty. Entries of users whom the caller
    can no longer see are left out."""
    call.check_trusted()
    database = call.platform.database
    entries = await call.inbox.page(call.user_id, *window(body.starting_point))
    videos = await seen_by_ids(
        database, call.user_id, list({VideoId(entry.told.video_id) for entry in entries if entry.told.video_id})
    )
    owners = {video.user_id for video in videos.values()}
    shown = await people(
        database, call.user_id, list({call.user_id, *owners, *(entry.told.sender_id for entry in entries)})
    )
    return [
        notification_item(entry, shown, videos, call.urls, call.language)
        for entry in entries
        if entry.told.sender_id in shown and call.user_id in shown  # else hidden after the page was read
    ]


class ShowUnReadNotifications(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


@section.endpoint("showUnReadNotifications", top_level={"unread_count": 0})
async def show_unread_notifications(call: Call, body: ShowUnReadNotifications) -> int | Beside:
    """The number of inbox entries that the caller has not read."""
    call.check_trusted()
    unread = await call.inbox.unread(call.user_id)
    return Beside(unread, {"unread_count": unread})


class ReadNotification(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    notification_id: Id | None = None
    """The entry that was read. Empty: all of them."""


@section.endpoint("readNotification")
async def read_notification(call: Call, body: ReadNotification) -> str:
    """Mark one entry as read, or all entries. It is read on all devices of the caller."""
    call.check_trusted()
    await call.inbox.read(call.user_id, None if body.notification_id is None else EntryId(body.notification_id))
    return "Your notifications are read."


class SendNotification(Request, frozen=True, kw_only=True):
    sender_id: CallerId | None = None
    receiver_id: Id
    title: Text = ""
    """Not used: the receiver sees the caller's name."""
    message: Text
    """The text of the message."""


@section.endpoint("sendNotification", refusals=(MessagesNotAccepted, TooManyMessages))
async def send_notification(call: Call, body: SendNotification) -> str:
    """The same as `sendMessageNotification`, for one receiver."""
    call.check_trusted()
    await call.inbox.messages.announce(call.user_id, [UserId(body.receiver_id)], body.message)
    return TOLD


class SendMessageNotification(Request, frozen=True, kw_only=True):
    sender_id: CallerId | None = None
    receiver_id: Id | None = None
    receivers: Annotated[list[Any], msgspec.Meta(max_length=MOST_RECEIVERS)] = msgspec.field(default_factory=list)
    """Several receivers, each as `{"receiver_id": 7}`, with the id as a number or as text."""
    title: Text = ""
    """Not used: the receivers see the caller's name."""
    message: Text
    """The text of the message."""


@section.endpoint("sendMessageNotification", refusals=(MessagesNotAccepted, TooManyMessages))
async def send_message_notification(call: Call, body: SendMessageNotification) -> str:
    """Push a message that the apps keep elsewhere to its receivers. Those who accept no messages of the caller are left
    out; the call is refused if none is left. The inbox gets one entry a day, not one for each message."""
    call.check_trusted()
    named = [named_caller(("receiver_id",), entry) for entry in body.receivers if isinstance(entry, dict)]
    receivers = {user_id for user_id in (body.receiver_id, *named) if user_id is not None}
    if not receivers:
        raise MalformedRequest("receiver_id or receivers must name a user.")
    await call.inbox.messages.announce(call.user_id, [UserId(user_id) for user_id in sorted(receivers)], body.message)
    return TOLD
