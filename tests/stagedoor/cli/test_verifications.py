"""`stagedoor users verifications`, with the documents in a folder and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.accounts import store as accounts
from control_plane.accounts.verifications import Verifications, delete_decided_documents
from control_plane.base.ids import UserId
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.jobs import store as jobs
from control_plane.operations.verifications import AlreadyDecided, NoSuchRequest
from control_plane.storage.files import Files, delete_file
from control_plane.storage.model import FileName, Storage
from stagedoor.parts.storage import storage
from tests.control_plane.people import new_user
from tests.control_plane.storage.conftest import new_bucket, s3
from tests.stagedoor.cli.operator import Operator

__all__ = ["s3"]

PHOTO = b"\xff\xd8\xff and more"


@pytest.fixture(params=["folder", "s3"])
def storage_url(request: pytest.FixtureRequest) -> str:
    return new_bucket(request.getfixturevalue("s3")) if request.param == "s3" else ""


@pytest.fixture
def operator(dsn: str, tmp_path: Path, storage_url: str) -> Operator:
    return Operator(dsn, tmp_path, storage_url)


@pytest.fixture
def files(database: Database, tmp_path: Path, storage_url: str) -> Files:
    return Files(storage(Settings(data_dir=tmp_path, storage_url=storage_url)), database)


@pytest.fixture
def verifications(database: Database, files: Files) -> Verifications:
    return Verifications(database, files)


async def submitted(
    database: Database, verifications: Verifications, name: str = "Ann \u202eLee"
) -> tuple[int, UserId]:
    user_id = await new_user(database)
    user = (await accounts.by_ids(database, [user_id]))[user_id]
    return (await verifications.submit(user, name, PHOTO)).id, user_id


async def in_storage(place: Storage) -> set[FileName]:
    return {listed.name async for page in place.list() for listed in page}


async def is_verified(database: Database, user_id: UserId) -> bool:
    return (await accounts.by_ids(database, [user_id]))[user_id].verified


async def test_a_request_is_listed_shown_and_approved(
    database: Database, verifications: Verifications, operator: Operator, tmp_path: Path
) -> None:
    assert await operator.types("users", "verifications", "list") == "There are no requests.\n"
    request_id, user_id = await submitted(database, verifications)
    assert "Ann Lee" in await operator.types("users", "verifications", "list")

    file = tmp_path / "passport.jpg"
    shown = await operator.types("users", "verifications", "show", str(request_id), "--document", str(file))
    assert f"(user {user_id})" in shown
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (PHOTO, 0o600)
    again = await operator.types("users", "verifications", "show", str(request_id), "--document", str(file))
    assert "File exists" in again
    assert file.read_bytes() == PHOTO

    said = await operator.types("users", "verifications", "approve", str(request_id))
    assert said == f"Verification request {request_id} is approved.\n"
    assert await is_verified(database, user_id)
    with pytest.raises(AlreadyDecided, match=f"request {request_id} was approved at "):
        await operator.types("users", "verifications", "reject", str(request_id))
    assert await operator.types("users", "verifications", "list") == "There are no requests.\n"
    assert "approved" in await operator.types("users", "verifications", "list", "--all")
    acts = await database.fetch("select act, subject from audit_log order by id")
    assert [(row["act"], row["subject"]) for row in acts] == [
        ("user.document_read", f"user:{user_id}"),
        ("user.verified", f"user:{user_id}"),
    ]


async def test_a_request_is_rejected(database: Database, verifications: Verifications, operator: Operator) -> None:
    request_id, user_id = await submitted(database, verifications)
    await operator.types("users", "verifications", "reject", str(request_id), "--reason", "not readable")
    assert not await is_verified(database, user_id)
    detail = await database.fetchval("select detail->>'reason' from audit_log")
    assert detail == "not readable"
    with pytest.raises(NoSuchRequest):
        await operator.types("users", "verifications", "show", "4711")


async def test_documents_are_deleted_some_time_after_the_decision(
    database: Database, files: Files, verifications: Verifications, operator: Operator, tmp_path: Path
) -> None:
    (old, _), (new, _), (waiting, _) = [await submitted(database, verifications) for _ in range(3)]
    for request_id in (old, new):
        await operator.types("users", "verifications", "approve", str(request_id))
    await database.execute(
        "update verification_request set decided_at = decided_at - interval '31 days' where id = $1", old
    )
    await delete_decided_documents.function(verifications)
    uses = await database.fetch("select used_by from file_use join stored_file on id = file_id where state = 'kept'")
    assert {row["used_by"] for row in uses} == {f"verification/{new}", f"verification/{waiting}"}
    (job,) = [job for job in await jobs.latest(database, 10) if job.kind == "delete_file"]
    assert job.arguments["name"] in await in_storage(files.storage)
    await delete_file.function(files, **job.arguments)
    kept = await database.fetch("select document from verification_request where document is not null")
    assert await in_storage(files.storage) == {row["document"] for row in kept}
    assert len(kept) == 2
    file = tmp_path / "passport.jpg"
    shown = await operator.types("users", "verifications", "show", str(old), "--document", str(file))
    assert "The document was deleted." in shown
    assert not file.exists()
