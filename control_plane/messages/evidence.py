"""A message as evidence of a report: what it says now, kept even if it is deleted later."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.base.ids import StreamId, UserId
from control_plane.db.pool import Database
from control_plane.messages import store
from control_plane.messages.model import ConversationId, Kind, Number
from control_plane.storage.model import FileName
from control_plane.videos.video import VideoId


@dataclass(frozen=True, slots=True)
class Evidence:
    conversation_id: ConversationId
    sender_id: UserId
    kind: Kind
    text: str
    picture: FileName
    """In storage, private. The report has to use the file, or it is deleted with the message."""
    video_id: VideoId
    stream_id: StreamId
    sent_at: dt.datetime


async def evidence_of(database: Database, reporter_id: UserId, other_id: UserId, number: Number) -> Evidence | None:
    """A message that the other sent to the reporter. None: there is none, or it was taken back. A block does not prevent a
    report."""
    conversation = await store.conversation_with(database, reporter_id, other_id)
    if conversation is None:
        return None
    message = await store.one(database, reporter_id, conversation.id, number)
    if message is None or message.sender_id != other_id or message.retracted:
        return None
    return await evidence(database, conversation.id, number)


async def evidence(database: Database, conversation_id: ConversationId, number: Number) -> Evidence | None:
    """None: there is no such message, or it was taken back."""
    found = await store.evidence(database, conversation_id, number)
    if found is None or found["retracted_at"] is not None:
        return None
    return Evidence(
        conversation_id,
        found["sender_id"],
        Kind(found["kind"]),
        found["text"],
        FileName(found["picture"]),
        found["video_id"],
        found["stream_id"],
        found["sent_at"],
    )
