"""The message bus between control-plane processes, as domains use it: subscribe, publish, and notice of gaps.

A message is a hint: it may be lost, and every client of the database may send one. So a message only names a row to
read. After each connect and reconnect the bus calls the `resync` callbacks, and subscribers read everything again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from control_plane.base.ids import Seq, StreamId


class Topic(StrEnum):
    STREAM = "stream"
    """Access to this stream (publish or watch) has changed."""
    USER = "user"
    """This user's sessions or profile have changed."""
    BLOCK = "block"
    """Blocks of or by this user have changed."""
    EVENTS = "events"
    """The stream has new events from `first_seq` on."""
    PERSON = "person"
    """This user has something new to read: inbox entries, an unread count, messages."""


@dataclass(frozen=True, slots=True)
class Message:
    sender: str
    """`Bus.name` of the process that sent it, or empty."""
    topic: Topic
    id: int
    first_seq: int = 0


Receive = Callable[[Message], None]


class Bus(Protocol):
    """Changes of access are published by `notify_within`, with the transaction that makes them."""

    @property
    def name(self) -> str:
        """The sender of this process's messages."""
        ...

    @property
    def connected(self) -> asyncio.Event: ...

    def subscribe(self, topic: Topic, receive: Receive) -> None:
        """Own messages of `publish` are not received, those of `notify_within` are."""
        ...

    def on_resync(self, resync: Callable[[], Any]) -> None:
        """Register a callback for each connect and reconnect: messages before it may have been lost."""
        ...

    def publish(self, stream_id: StreamId, first_seq: Seq) -> None:
        """Notify other processes of events, without waiting. Dropped while disconnected: other processes then find the
        events in the tables."""
        ...
