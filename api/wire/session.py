"""A session in the list of a user's sessions."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.wire.values import Flag, WireTime, wire_time
from control_plane.accounts.session_store import Session as StoredSession


class Session(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    current: Flag
    """1: the session of this call."""
    app: str
    """The app that signed in: `ios`, `android`, `android_kt`, or `document` for pages and others."""
    device: str
    """The User-Agent of the last use. It may be empty."""
    address: str
    """The network address of the last use."""
    country: str
    """The country of that address: two letters, empty if the server does not know it."""
    created: WireTime
    last_used: WireTime
    """It may be a few minutes late."""


class SessionItem(msgspec.Struct, frozen=True, kw_only=True):
    session: Session = field(name="Session")


def session_item(stored: StoredSession, current: str) -> SessionItem:
    """`current`: the id of the session that the caller uses."""
    return SessionItem(
        session=Session(
            id=stored.session_id,
            current=int(stored.session_id == current),
            app=stored.app,
            device=stored.device,
            address=stored.address,
            country=stored.country,
            created=wire_time(stored.created_at),
            last_used=wire_time(stored.last_used_at),
        )
    )
