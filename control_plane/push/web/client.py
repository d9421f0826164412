"""Sends to browsers (RFC 8030), encrypted for each (RFC 8291)."""

from __future__ import annotations

import base64
import hashlib

import aiohttp
import msgspec

from control_plane.push.fcm.message import BODY, IMAGE, TITLE, cut
from control_plane.push.http import failed, read_start, retry_after
from control_plane.push.model import SENT, Outcome, Result, ServiceName, Text, Waiting
from control_plane.push.web.vapid import Vapid

GONE = {404, 410}
QUOTA_S = 60.0


class WebPush:
    name = ServiceName.WEB

    def __init__(self, vapid: Vapid, session: aiohttp.ClientSession) -> None:
        self._vapid = vapid
        self._session = session

    async def send(self, waiting: Waiting, text: Text, ttl_s: int) -> Result:
        if not waiting.alerts:  # browsers require that each message is shown
            return Result(Outcome.LATE, "switched off")
        try:
            body = _encrypted(waiting, _content(waiting, text))
        except ValueError:  # the keys of the browser are none
            return Result(Outcome.GONE, "unusable keys")
        headers = {
            "Authorization": self._vapid.authorization(waiting.address),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(ttl_s),
            "Topic": _topic(waiting.tag),
            "Urgency": "high" if waiting.kind in ("live", "message") else "normal",
        }
        try:
            async with self._session.post(
                waiting.address, data=body, headers=headers, allow_redirects=False
            ) as response:
                await read_start(response)
                return _result(response.status, retry_after(response.headers))
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            return failed(error)


def _content(waiting: Waiting, text: Text) -> bytes:
    """What the service worker reads (`api/pages/static/push_worker.js`). A message may have 3993 bytes."""
    return msgspec.json.encode(
        {
            "title": cut(text.title, TITLE),
            "body": cut(text.body, BODY),
            "image": text.image if len(text.image) <= IMAGE else "",
            "path": text.path,
            "tag": waiting.tag,
            "unread": waiting.unread,
        }
    )


def _encrypted(waiting: Waiting, content: bytes) -> bytes:
    """Raises ValueError."""
    from pywebpush import WebPusher, WebPushException  # slow to import

    keys = {"p256dh": waiting.public_key, "auth": waiting.auth}
    try:
        return bytes(WebPusher({"endpoint": waiting.address, "keys": keys}).encode(content)["body"])
    except WebPushException as error:
        raise ValueError(str(error)) from None


def _topic(tag: str) -> str:
    """The push service keeps the newest message of a topic for a browser that is off. At most 32 characters."""
    return base64.urlsafe_b64encode(hashlib.sha256(tag.encode()).digest()[:24]).decode()


def _result(status: int, wait_s: float) -> Result:
    if 200 <= status < 300:
        return SENT
    why = f"HTTP {status}"
    if status in GONE:
        return Result(Outcome.GONE, why)
    if status == 429:
        return Result(Outcome.RETRIED, why, max(wait_s, QUOTA_S))
    if status >= 500 or status == 408:
        return Result(Outcome.RETRIED, why, wait_s)
    return Result(Outcome.REFUSED, why)
