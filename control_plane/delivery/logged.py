"""The messenger of development mode: writes messages to the log, so that no mail server is needed to try the apps."""

from __future__ import annotations

import logging
from collections.abc import Collection

from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.messenger import Message

log = logging.getLogger(__name__)


class LoggedMessages:
    @property
    def channels(self) -> Collection[Channel]:
        return frozenset(Channel)

    async def send(self, to: Contact, message: Message) -> None:
        log.warning("message_in_the_log", extra={"to": to.address, "text": message.text})


class NoMessages:
    """A server that is not set up to send anything."""

    @property
    def channels(self) -> Collection[Channel]:
        return frozenset()

    async def send(self, to: Contact, message: Message) -> None:
        raise AssertionError("no channel, so nothing is sent")
