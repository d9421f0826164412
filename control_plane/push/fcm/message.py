"""A push message as FCM's HTTP v1 API takes it:
https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages."""

from __future__ import annotations

import time
from typing import Any

from control_plane.push.model import DATA, Text, Waiting

TITLE, BODY, IMAGE = 100, 240, 300
"""Characters. A message may have 4096 bytes, and the texts are in it twice."""
TYPES = {
    "follow_request": "follow",
    "follow_accepted": "follow",
    "video_comment": "comment",
    "comment_reply": "comment",
    "mention": "comment",
    "video_like": "video_new_post",
    "comment_like": "comment",
    "single": "live",
    "multiple": "live",
}
"""Kinds of entries → what the apps know. By `type` they choose the screen that a tap opens: a profile, a video, the
stream."""


def fcm_message(waiting: Waiting, text: Text, ttl_s: int) -> dict[str, Any]:
    """A kind that the receiver switched off sets the badge, without an alert."""
    data = {
        "type": TYPES.get(waiting.kind, waiting.kind),
        "receiver_id": str(waiting.user_id),
        "unread": str(waiting.unread),
        **{name: str(waiting.params[name]) for name in DATA if waiting.params.get(name)},
    }
    android: dict[str, Any] = {"ttl": f"{ttl_s}s", "priority": "NORMAL"}
    headers = {
        "apns-push-type": "alert",  # also for a badge alone: `background` may have none
        "apns-priority": "5",
        "apns-collapse-id": waiting.tag,
        "apns-expiration": str(int(time.time()) + ttl_s),
    }
    aps: dict[str, Any] = {"badge": waiting.unread}
    message: dict[str, Any] = {"token": waiting.address, "data": data, "android": android}
    if waiting.alerts:
        shown = {"title": cut(text.title, TITLE), "body": cut(text.body, BODY)}
        if text.image and len(text.image) <= IMAGE:
            shown["image"] = text.image
        data |= shown
        message["notification"] = shown
        android["priority"] = "HIGH"
        android["notification"] = {
            "channel_id": data["type"],
            "tag": waiting.tag,
            "notification_count": waiting.unread,
        }
        headers["apns-priority"] = "10"
        aps["sound"] = "default"
    message["apns"] = {"headers": headers, "payload": {"aps": aps}}
    return {"message": message}


def cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
