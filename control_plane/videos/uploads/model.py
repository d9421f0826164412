"""Uploads in parts: their values and errors."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NewType

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId

UploadId = NewType("UploadId", str)
"""32 hexadecimal digits, random."""


@dataclass(frozen=True, slots=True)
class ResumableUpload:
    id: UploadId
    user_id: UserId
    name: str
    """As the client calls the file."""
    size: int
    """Of the whole file, in bytes."""
    sha256: bytes | None
    """Once all bytes have arrived."""
    expires_at: dt.datetime


class UploadMissing(ControlPlaneError):
    """There is no such upload: it expired, was deleted or used, or is another user's."""

    code = "upload_missing"
    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("There is no such upload. It may have expired: please upload the file again.")


class UploadUnfinished(ControlPlaneError):
    code = "upload_unfinished"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The upload is not complete yet.")


class UploadElsewhere(ControlPlaneError):
    """The part does not begin where the upload ends, or is longer than what is missing."""

    code = "upload_elsewhere"
    kind = ErrorKind.CONFLICT

    def __init__(self) -> None:
        super().__init__("The part does not begin where the upload ends.")


class TooManyOpenUploads(ControlPlaneError):
    code = "too_many_open_uploads"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Too many of your uploads are not finished. Finish or cancel one of them first.")
