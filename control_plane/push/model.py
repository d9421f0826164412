"""What is pushed, and the ports through which it gets its text and reaches a device."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from control_plane.base.ids import UserId

DATA = ("user_id", "sender_id", "video_id", "live_streaming_id", "room_id")
"""The params that the apps get as data, beside `type`, `title`, `body`, `image` and `receiver_id`."""


@dataclass(frozen=True, slots=True)
class Push:
    """One cause, told to any number of receivers."""

    kind: str
    """Of the inbox entry, such as `follow`."""
    params: Mapping[str, str | int]
    """What the text is made of; those named in DATA are sent to the apps too."""
    switch: str = ""
    """The column of `push_setting` that lets a user switch this kind off; empty: none does."""
    collapse: str = ""
    """A newer message with this key replaces an older one on the device; empty: each is shown. At most 64 bytes."""


@dataclass(frozen=True, slots=True)
class Text:
    """A push message in the language of its receiver."""

    title: str
    body: str
    image: str = ""
    """An absolute URL, or empty."""
    path: str = "/"
    """The page that a click opens in a browser, such as `/watch/7`."""


class Renderer(Protocol):
    def render(self, kind: str, params: Mapping[str, str | int], language: str) -> Text:
        """`language`: a tag such as `de-DE`, or empty for the default."""
        ...


class ServiceName(StrEnum):
    FCM = "fcm"
    WEB = "web"


class Outcome(StrEnum):
    SENT = "sent"
    GONE = "gone"
    """The service does not know this device or browser any more: it is forgotten."""
    REFUSED = "refused"
    """The service will never accept this message. The device stays."""
    RETRIED = "retried"
    """The service, or the way to it, fails."""
    LATE = "late"
    """It was not sent: it is too old to be of interest, its receiver is signed out, or what it tells is hidden now."""


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    why: str = ""
    """For the log and metrics: the service's error code. No address, token or text."""
    retry_after_s: float = 0.0
    """The least time until the next attempt."""


SENT = Result(Outcome.SENT)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for one device or browser, with what is true of its receiver now."""

    id: int
    message_id: int
    user_id: UserId
    kind: str
    params: Mapping[str, str | int]
    collapse: str
    created_at: dt.datetime
    attempts: int
    """This one included."""
    alerts: bool
    """False: the receiver switched this kind off."""
    unread: int
    """Entries in the receiver's inbox that are not read, for the badge."""
    language: str
    address: str
    """The device's token, or the endpoint of the browser. Empty: it is not sent, because the receiver is signed out
    on it, one of receiver and sender is deleted or banned, or one blocks the other."""
    public_key: str = ""
    auth: str = ""

    @property
    def tag(self) -> str:
        """The same in each attempt, so that a device shows the message once."""
        return self.collapse or f"push-{self.message_id}"


class Service(Protocol):
    """A way to devices. `name` is its row in the table `push_service`."""

    @property
    def name(self) -> ServiceName: ...

    async def send(self, waiting: Waiting, text: Text, ttl_s: int) -> Result:
        """Never raises because of the service. `ttl_s`: how long the service may keep it for a device that is off."""
        ...
