"""The authenticated caller of an API call, taken from a verified session, and the client that the call came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from control_plane.base.ids import UserId


class Role(StrEnum):
    USER = "user"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    user_id: UserId
    role: Role = Role.USER
    session_id: str = field(default="", compare=False)
    """Empty: no session proves who calls."""


class SessionKey(NamedTuple):
    user_id: UserId
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The client that a session was opened or used by, as the user sees it in the list of sessions. Empty text:
    unknown."""

    address: str = ""
    country: str = ""
    """ISO 3166: two letters."""
    app: str = ""
    device: str = ""
    """What the client's User-Agent says."""


UNKNOWN = Use()
