"""PostgreSQL NOTIFY: the channel, the payloads, and messages that are published with a transaction.

A payload is `sender topic [[id,first_seq],…]`: one sender, one topic, any number of messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import msgspec

from control_plane.base.ids import LARGEST_ID
from control_plane.bus.model import Message, Topic
from control_plane.db.connections import Connection

CHANNEL = "stagedoor"
LIMIT_BYTES = 7900
"""Largest payload. Larger: PostgreSQL rejects 8000 bytes and more. Smaller: more payloads for the same messages."""

Pair = tuple[Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)], Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]]

_decoder = msgspec.json.Decoder(list[Pair])
_NOTIFY = "select pg_notify($1, payload) from unnest($2::text[]) as payload"


async def notify_within(connection: Connection, topic: Topic, id_: int, sender: str = "") -> None:
    """Publish a message with the caller's transaction, for rare changes of access. NOTIFY serialises commits, so it
    must not be used on a busy path. `sender`: the `Bus.name` of this process, for subscribers that treat their own
    messages differently."""
    await notify(connection, sender, topic, [(id_, 0)])


async def notify_all_within(connection: Connection, topic: Topic, ids: Iterable[int]) -> None:
    """The same for several ids, in as few messages as possible."""
    await notify(connection, "", topic, [(id_, 0) for id_ in ids])


async def notify(
    connection: Connection, sender: str, topic: Topic, pairs: Sequence[Pair], timeout: float | None = None
) -> None:
    await connection.execute(_NOTIFY, CHANNEL, payloads(sender, topic, pairs), timeout=timeout)


def payloads(sender: str, topic: Topic, pairs: Sequence[Pair]) -> list[str]:
    """Group messages into as few payloads of LIMIT_BYTES as possible."""
    head = f"{sender} {topic} "
    groups: list[list[str]] = []
    size = LIMIT_BYTES
    for id_, first_seq in pairs:
        text = f"[{id_},{first_seq}]"
        size += len(text) + 1
        if size > LIMIT_BYTES:
            groups.append([])
            size = len(head) + len("[]") + len(text)
        groups[-1].append(text)
    return [f"{head}[{','.join(group)}]" for group in groups]


def messages(payload: str, name: str) -> list[Message]:
    """The messages of a payload. Events that this process (`name`) has published are skipped before they are decoded.
    Raises ValueError or RecursionError for a malformed payload."""
    sender, topic, pairs = payload.split(" ", 2)
    if sender == name and topic == Topic.EVENTS:
        return []
    return [Message(sender, Topic(topic), id_, first_seq) for id_, first_seq in _decoder.decode(pairs)]
