"""The push message of a cause: `push_of` makes it, `control_plane/push/queue.py` sends it."""

from __future__ import annotations

from control_plane.inbox.groups import GROUPED
from control_plane.inbox.model import PUSH_OF_KIND, SWITCHES, Kind, Sender, Told
from control_plane.push.model import Push


def push_of(told: Told, sender: Sender, others: int = 0) -> Push:
    """`others`: users besides the sender of whom the receiver is told the same."""
    return Push(
        PUSH_OF_KIND[told.kind],
        {
            "user_id": told.sender_id,
            "sender_id": told.sender_id,
            "video_id": told.video_id,
            "live_streaming_id": told.stream_id,
            "room_id": told.room_id,
            "subject_id": told.subject_id,
            "name": sender.name,
            "picture": sender.picture,
            "text": told.text,
            "others": others,
        },
        SWITCHES.get(told.kind, ""),
        _collapse(told),
    )


def _collapse(told: Told) -> str:
    """A device shows one message of a group, and one of a conversation."""
    if told.kind in GROUPED:
        return f"{told.kind}-{told.video_id}-{told.subject_id}"
    return f"{told.kind}-{told.sender_id}" if told.kind is Kind.MESSAGE else ""
