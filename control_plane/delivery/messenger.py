"""The port through which messages reach people outside the app: email and text messages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.delivery.contacts import Channel, Contact


class NotDelivered(ControlPlaneError):
    """The mail server or SMS gateway refused the message or did not answer. The text holds no address."""

    code = "not_delivered"
    kind = ErrorKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    """Of a mail."""
    text: str
    html: str = ""
    """Of a mail. Empty: the text alone."""


class Messenger(Protocol):
    @property
    def channels(self) -> Collection[Channel]:
        """What this server is set up to send to."""
        ...

    async def send(self, to: Contact, message: Message) -> None:
        """Raises NotDelivered."""
        ...
