"""Frames of the live socket: those for one socket, and those of clients. The events of a stream are in
`control_plane/streams/events.py` and `control_plane/gifts/events.py`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.sockets.frames import Auth, Parser
from control_plane.accounts.caller import Caller
from control_plane.base.ids import LARGEST_ID, Seq, UserId
from control_plane.ledger.transfers import CLIENT_REF, CLIENT_REF_RULE
from control_plane.live.audience import Audience, AudienceRole
from control_plane.live.snapshot import PlaybackUrl, Snapshot, StreamView

# ── to the client ──


class You(msgspec.Struct, frozen=True):
    user_id: UserId | None
    role: AudienceRole
    muted_until: None = None

    @classmethod
    def of(cls, caller: Caller | None, audience: Audience) -> You:
        return cls(None if caller is None else caller.user_id, audience.role_of(caller))


class YouFrame(You, frozen=True, tag_field="type", tag="you"):
    """The answer to an `auth` frame that was sent after `hello`."""


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    epoch: str
    seq: Seq
    """`seq` of the newest event. Missed events up to it follow at once, then new events."""
    recovered: bool
    stream: StreamView
    you: You


def hello(snapshot: Snapshot, viewers: int, you: You, playback_url: PlaybackUrl) -> bytes:
    view = snapshot.view(viewers, playback_url)
    return msgspec.json.encode(Hello(snapshot.epoch, snapshot.last_seq, snapshot.recovered, view, you))


class Ack(msgspec.Struct, frozen=True, tag_field="type", tag="ack"):
    id: str
    seq: Seq


# ── from the client ──


class SendGift(msgspec.Struct, frozen=True, tag_field="type", tag="gift"):
    id: Annotated[str, msgspec.Meta(pattern=CLIENT_REF, extra={"must": f"must have {CLIENT_REF_RULE}"})]
    """Idempotency key. Keys are shared with `client_ref` of `sendGift`."""
    gift_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
    count: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] = 1


NOT_YET = frozenset({"chat", "like", "renew", "delete_chat", "mute", "ban", "pin", "slow_mode"})
"""Frame types of the protocol that this release does not support."""


parse = Parser(msgspec.json.Decoder(Auth | SendGift), {"auth": Auth, "gift": SendGift}, NOT_YET)
