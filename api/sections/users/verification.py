"""Requests for the verified badge."""

from __future__ import annotations

import asyncio
import binascii
from typing import Annotated

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.errors import SessionMissing
from api.contract.request import CallerId, MalformedRequest, Request, Text
from api.wire.profile import user_by_id
from api.wire.verification import VerificationRequest, verification_view
from control_plane.accounts.user import UserNotFound
from control_plane.accounts.verifications import AlreadyVerified, DocumentRefused, VerificationTooOften

section = Section("users")

_NOT_BASE64 = b" \t\r\n"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Attachment(Request, frozen=True, kw_only=True):
    file_data: Annotated[str, msgspec.Meta(max_length=8 << 20)] = ""
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
    "userVerificationRequest", refusals=(AlreadyVerified, DocumentRefused, UserNotFound, VerificationTooOften)
)
async def user_verification_request(call: Call, body: UserVerificationRequest) -> UserVerificationAnswer:
    """Ask for the verified badge. A caller has one open request: sending another document replaces its first one."""
    if not call.trusted:
        raise SessionMissing
    if not body.attachment.file_data:
        raise MalformedRequest("attachment.file_data is missing.")
    document = await asyncio.to_thread(_decoded, body.attachment.file_data)
    user = await user_by_id(call, call.user_id)
    request = await call.accounts.verifications.submit(user, body.name, document)
    return UserVerificationAnswer(verification_request=verification_view(request))


def _decoded(text: str) -> bytes:
    """Raises MalformedRequest."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        plain = text.encode("ascii").translate(_URL_SAFE, _NOT_BASE64)
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise MalformedRequest("attachment.file_data must be base64.") from None
