"""The authenticated caller of an API call, taken from a verified session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.ids import UserId


class Role(StrEnum):
    USER = "user"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Caller:
    user_id: UserId
    role: Role = Role.USER
