"""Doctor's check of the bucket of files."""

from __future__ import annotations

from control_plane.storage.model import StorageUnavailable, private_name
from stagedoor.cli.doctor.finding import Finding, broken, ok
from stagedoor.cli.doctor.installation import Installation
from stagedoor.parts.storage import storage


async def bucket(at: Installation) -> Finding | None:
    """Stores, reads, lists and deletes a small file. None: files are in the data directory."""
    if not at.settings.storage_url:
        return None
    place, name = storage(at.settings), private_name("txt")
    try:
        await place.put(name, b"stagedoor doctor")
        async for _ in place.read(name):
            pass
        async for _ in place.list():
            break
        await place.delete(name)
    except StorageUnavailable as error:
        why = type(error.__cause__).__name__
        return broken(
            f"the bucket of LIVE_STORAGE_URL does not take, give or delete files ({why})",
            "Check its address, endpoint, region and credentials. The key needs the rights to get, put, delete and list.",
        )
    return ok("the bucket takes, gives, lists and deletes files")
