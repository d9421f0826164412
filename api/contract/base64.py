"""Files in base64 in a JSON body."""

from __future__ import annotations

import binascii
from typing import Annotated

import msgspec

from api.contract.endpoint import LARGEST_BODY
from api.contract.request import MalformedRequest

Base64 = Annotated[
    str,
    msgspec.Meta(
        max_length=LARGEST_BODY,
        description="base64, with or without line breaks and `data:…;base64,`",
        extra={"exact": True},
    ),
]
_NOT_BASE64 = b" \t\r\n"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def base64_in(field: str, text: str) -> bytes:
    """Run it in a thread: megabytes take milliseconds. Raises MalformedRequest."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        plain = text.encode("ascii").translate(_URL_SAFE, _NOT_BASE64)
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise MalformedRequest(f"{field} must be base64.") from None
