"""Access to a stream's live socket: who may join, and in which role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control_plane.accounts.caller import Caller, Role
from control_plane.base.ids import UserId
from control_plane.social.model import Viewer


def viewer_of(caller: Caller | None) -> Viewer:
    """The user whose blocks decide what the caller watches. None for guests, and for operators: a block does not keep
    them from a stream."""
    return None if caller is None or caller.role is Role.OPERATOR else caller.user_id


class AudienceRole(StrEnum):
    GUEST = "guest"
    VIEWER = "viewer"
    HOST = "host"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Audience:
    host_id: UserId
    public: bool

    def role_of(self, caller: Caller | None) -> AudienceRole:
        if caller is None:
            return AudienceRole.GUEST
        if caller.user_id == self.host_id:
            return AudienceRole.HOST
        return AudienceRole.OPERATOR if caller.role is Role.OPERATOR else AudienceRole.VIEWER

    def admits(self, caller: Caller | None) -> bool:
        """A stream that is not public admits only its host and operators."""
        return self.public or self.role_of(caller) in (AudienceRole.HOST, AudienceRole.OPERATOR)
