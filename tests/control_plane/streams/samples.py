"""Keys and streams for the tests of this folder."""

from __future__ import annotations

import datetime as dt
from typing import Any

from control_plane.base.ids import StreamId, UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.streams.keys import StreamKeys
from control_plane.streams.media.model import PathName
from control_plane.streams.model import Status, Stream, Visibility

SECRET = Secret("a", b"the first secret of this server!")
SALT = b"salt 7"
KEYS = StreamKeys(Keyring((SECRET,)))

_BASE = Stream(
    id=StreamId(7),
    user_id=UserId(1),
    path=PathName("live/7"),
    status=Status.CREATED,
    key_version=1,
    key_salt=SALT,
    visibility=Visibility.PUBLIC,
    price=0,
    title="",
    grace_s=60,
    source_id=None,
    local_start="",
    created_at=dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC),
    live_at=None,
    interrupted_at=None,
    ended_at=None,
    end_reason=None,
    revoked_at=None,
    coins=0,
    likes=0,
    peak_viewers=0,
)


def stream(**changes: Any) -> Stream:
    values = {name: getattr(_BASE, name) for name in Stream.__dataclass_fields__}
    return Stream(**{**values, **changes})
