"""`VerificationRequest`: a request for the verified badge."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, Flag, Id, WireTime, wire_time
from control_plane.accounts.verification_store import VerificationRequest as Stored


class VerificationRequest(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    user_id: Id = 0
    attachment: str = ""
    """Always empty: no address leads to a document."""
    name: str = ""
    verified: Flag = 0
    update_time: WireTime = NO_TIME
    created: WireTime = NO_TIME


def verification_view(request: Stored) -> VerificationRequest:
    return VerificationRequest(
        id=request.id,
        user_id=request.user_id,
        name=request.name,
        verified=int(request.verified or False),
        update_time=wire_time(request.updated_at),
        created=wire_time(request.created_at),
    )
