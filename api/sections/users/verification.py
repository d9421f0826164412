"""Requests for the verified badge."""

from __future__ import annotations

import asyncio

import msgspec
from msgspec import field

from api.contract.base64 import Base64, base64_in
from api.contract.call import Call
from api.contract.endpoint import LARGEST_BODY, Section
from api.contract.errors import SessionMissing
from api.contract.request import CallerId, MalformedRequest, Request, Text
from api.wire.profile import user_by_id
from api.wire.verification import VerificationRequest, verification_view
from control_plane.accounts.user import UserNotFound
from control_plane.accounts.verifications import AlreadyVerified, DocumentRefused, VerificationTooOften

section = Section("users")


class Attachment(Request, frozen=True, kw_only=True):
    file_data: Base64 = ""
    """The document in base64: a photo (JPEG, PNG, WebP, HEIC) or a PDF."""


class UserVerificationRequest(Request, frozen=True, kw_only=True):
    attachment: Attachment
    """The identity document."""
    user_id: CallerId | None = None
    name: Text = ""
    """The name in the document."""


class UserVerificationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    verification_request: VerificationRequest = field(name="VerificationRequest")


@section.endpoint(
    "userVerificationRequest",
    body_limit=LARGEST_BODY,
    refusals=(AlreadyVerified, DocumentRefused, UserNotFound, VerificationTooOften),
)
async def user_verification_request(call: Call, body: UserVerificationRequest) -> UserVerificationAnswer:
    """Ask for the verified badge. A caller has one open request: sending another document replaces its first one."""
    if not call.trusted:
        raise SessionMissing
    if not body.attachment.file_data:
        raise MalformedRequest("attachment.file_data is missing.")
    document = await asyncio.to_thread(base64_in, "attachment.file_data", body.attachment.file_data)
    user = await user_by_id(call, call.user_id)
    request = await call.accounts.verifications.submit(user, body.name, document)
    return UserVerificationAnswer(verification_request=verification_view(request))
