"""Frames of the personal socket: those of clients, and those that answer them. The events are in
`control_plane/inbox/news.py`, `control_plane/messages/news.py` and `control_plane/videos/news.py`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.sockets.frames import Auth, Parser
from control_plane.base.ids import LARGEST_ID, UserId
from control_plane.inbox.news import InboxState
from control_plane.ledger.transfers import CLIENT_REF, CLIENT_REF_RULE
from control_plane.messages.model import LONGEST_TEXT
from control_plane.messages.news import MessagesState, MessageView
from control_plane.videos.news import VideosState

# ── to the client ──


class PersonalHello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """The first frame, as the hub writes it: what each reader knows, by its name."""

    user_id: UserId
    inbox: InboxState
    messages: MessagesState
    videos: VideosState


class PersonalYou(msgspec.Struct, frozen=True, tag_field="type", tag="you"):
    """The answer to an `auth` frame that was sent after `hello`."""

    user_id: UserId


class Sent(msgspec.Struct, frozen=True, tag_field="type", tag="sent"):
    """The message was sent, perhaps by an earlier frame with this `id`."""

    id: str
    message: MessageView


# ── from the client ──

SharedId = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


class SendMessage(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    id: Annotated[str, msgspec.Meta(pattern=CLIENT_REF, extra={"must": f"must have {CLIENT_REF_RULE}"})]
    """Idempotency key. Keys are shared with `client_ref` of `sendMessage`."""
    receiver_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
    text: Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)] = ""
    video_id: SharedId = 0
    """A video to share."""
    stream_id: SharedId = 0
    """A stream to share."""


parse = Parser(msgspec.json.Decoder(Auth | SendMessage), {"auth": Auth, "message": SendMessage}, frozenset())
