"""Requests for the verified badge: a user sends an identity document, and an operator decides.

A user has one open request; a document that is sent again replaces the first one. Documents are private: no address
leads to them, `stagedoor users verifications show` writes one to a file. They are deleted some time after the decision.
"""

from __future__ import annotations

import datetime as dt

from control_plane.accounts import verification_store as store
from control_plane.accounts.profile_text import LONGEST_NAME, one_line
from control_plane.accounts.user import User
from control_plane.accounts.verification_store import VerificationRequest
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.storage.files import Files
from control_plane.storage.model import FileName

DOCUMENTS = "documents"
"""The kind of the files in storage."""
LARGEST_DOCUMENT = 5 << 20
"""Bytes. Larger: a call needs more memory. Smaller: photos of some phones do not fit."""
KEPT = dt.timedelta(days=30)
"""How long a document is kept after the decision, for questions about it."""
SUBMISSIONS, REQUESTS, WITHIN = 5, 3, dt.timedelta(days=30)
"""Documents with one request, and requests of one user in this time. More: operators read the same ones again."""
DELETED_AT_ONCE = 100
_HEADS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"%PDF-", "pdf"))
_HEIC = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


class AlreadyVerified(ControlPlaneError):
    code = "already_verified"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Your account is verified already.")


class DocumentRefused(ControlPlaneError):
    code = "document_refused"
    kind = ErrorKind.REFUSED


class VerificationTooOften(ControlPlaneError):
    code = "verification_too_often"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have sent too many verification requests. Please try again next month.")


class Verifications:
    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    async def submit(self, user: User, name: str, document: bytes) -> VerificationRequest:
        """Raises AlreadyVerified, DocumentRefused, VerificationTooOften and StorageUnavailable."""
        if user.verified:
            raise AlreadyVerified
        file = await self._files.add(DOCUMENTS, document, _extension(document), owner=user.id, public=False)
        async with self._database.transaction() as connection:
            request = await store.submit(connection, user.id, one_line(name)[:LONGEST_NAME])
            if request.submissions > SUBMISSIONS or await store.requests(connection, user.id, WITHIN) > REQUESTS:
                raise VerificationTooOften
            await self._set_document(connection, request.id, file)
        return request

    async def read(self, request: VerificationRequest) -> bytes | None:
        """None: the document was deleted. Raises StorageUnavailable."""
        if request.document is None:
            return None
        return b"".join([chunk async for chunk in self._files.storage.read(FileName(request.document))])

    async def delete_decided(self) -> None:
        """Delete the documents whose request was decided before KEPT."""
        while requests := await store.decided(self._database, KEPT, DELETED_AT_ONCE):
            for request_id in requests:
                async with self._database.transaction() as connection:
                    await self._set_document(connection, request_id, None)

    async def forget(self, connection: Connection, user_id: UserId) -> None:
        """Delete the requests and the documents of a user who is removed."""
        for request_id in await store.of_user(connection, user_id):
            await self._set_document(connection, request_id, None)
        await store.delete_of(connection, user_id)

    async def _set_document(self, connection: Connection, request_id: int, file: FileName | None) -> None:
        """The request's other document is deleted after the commit."""
        await store.set_document(connection, request_id, file)
        await self._files.use(connection, f"verification/{request_id}", [file] if file else [])


@job(every="52 2 * * *")
async def delete_decided_documents(verifications: Verifications) -> None:
    await verifications.delete_decided()


def _extension(document: bytes) -> str:
    """By its content. Raises DocumentRefused."""
    if len(document) > LARGEST_DOCUMENT:
        raise DocumentRefused(f"The document may have at most {LARGEST_DOCUMENT >> 20} MB.")
    for head, extension in _HEADS:
        if document.startswith(head):
            return extension
    if document[:4] == b"RIFF" and document[8:12] == b"WEBP":
        return "webp"
    if document[4:8] == b"ftyp" and document[8:12] in _HEIC:
        return "heic"
    raise DocumentRefused("Send a photo of your document (JPEG, PNG, WebP or HEIC), or a PDF.")
