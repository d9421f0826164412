"""Operators' acts about requests for the verified badge: look at the document, approve, reject. Each has an audit entry."""

from __future__ import annotations

from control_plane.accounts import verification_store as store
from control_plane.accounts.verification_store import VerificationRequest
from control_plane.accounts.verifications import Verifications
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor


class NoSuchRequest(ControlPlaneError):
    code = "no_such_request"
    kind = ErrorKind.REFUSED

    def __init__(self, request_id: int) -> None:
        super().__init__(f"There is no verification request {request_id}.")


class AlreadyDecided(ControlPlaneError):
    code = "already_decided"
    kind = ErrorKind.REFUSED

    def __init__(self, request: VerificationRequest) -> None:
        decision = "approved" if request.verified else "rejected"
        super().__init__(
            f"Verification request {request.id} was {decision} at {request.decided_at:%Y-%m-%d %H:%M} UTC."
        )


async def requested(database: Database, request_id: int) -> VerificationRequest:
    """Raises NoSuchRequest."""
    found = await store.get(database, request_id)
    if found is None:
        raise NoSuchRequest(request_id)
    return found


async def document(
    database: Database, verifications: Verifications, actor: Actor, request: VerificationRequest
) -> bytes | None:
    """The document. Reading it is an act, because it is private. None: it was deleted."""
    content = await verifications.read(request)
    if content is not None:
        async with database.transaction() as connection:
            await audit.record(connection, actor, Act.DOCUMENT_READ, audit.user(request.user_id), request=request.id)
    return content


async def decide(database: Database, actor: Actor, request_id: int, *, verified: bool, reason: str = "") -> None:
    """`reason` is for the audit log. Raises NoSuchRequest and AlreadyDecided."""
    async with database.transaction() as connection:
        user_id = await store.decide(connection, request_id, verified=verified)
        if user_id is not None:
            act = Act.USER_VERIFIED if verified else Act.VERIFICATION_REJECTED
            detail = {"reason": reason} if reason else {}
            await audit.record(connection, actor, act, audit.user(user_id), request=request_id, **detail)
    if user_id is None:
        raise AlreadyDecided(await requested(database, request_id))
