"""Push in development mode: messages are written to the log and remembered, so that no push service is needed."""

from __future__ import annotations

import datetime as dt
import logging
from collections import deque

import msgspec

from control_plane.base.clock import utc_now
from control_plane.push.model import SENT, Result, ServiceName, Text, Waiting

log = logging.getLogger(__name__)

REMEMBERED = 100


class LoggedPush(msgspec.Struct, frozen=True, kw_only=True):
    service: str
    user_id: int
    kind: str
    title: str
    body: str
    path: str
    alerts: bool
    """False: the user switched this kind off, so a phone would only set its badge."""
    unread: int
    sent_at: dt.datetime


class PushLog:
    """The newest messages."""

    def __init__(self) -> None:
        self.newest: deque[LoggedPush] = deque(maxlen=REMEMBERED)


class LoggedPushes:
    def __init__(self, name: ServiceName, pushes: PushLog) -> None:
        self.name = name
        self._pushes = pushes

    async def send(self, waiting: Waiting, text: Text, ttl_s: int) -> Result:
        self._pushes.newest.appendleft(
            LoggedPush(
                service=self.name.value,
                user_id=waiting.user_id,
                kind=waiting.kind,
                title=text.title,
                body=text.body,
                path=text.path,
                alerts=waiting.alerts,
                unread=waiting.unread,
                sent_at=utc_now(),
            )
        )
        log.warning("push_in_the_log", extra={"user": waiting.user_id, "title": text.title, "text": text.body})
        return SENT
