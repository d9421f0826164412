"""Frames of the personal socket: those of clients, and those that answer them. The events are in
`control_plane/inbox/news.py`."""

from __future__ import annotations

import msgspec

from api.sockets.frames import Auth, Parser
from control_plane.base.ids import UserId
from control_plane.inbox.news import InboxState


class PersonalHello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """The first frame, as the hub writes it: what each reader knows, by its name."""

    user_id: UserId
    inbox: InboxState


class PersonalYou(msgspec.Struct, frozen=True, tag_field="type", tag="you"):
    """The answer to an `auth` frame that was sent after `hello`."""

    user_id: UserId


parse = Parser(msgspec.json.Decoder(Auth), {"auth": Auth}, frozenset())
