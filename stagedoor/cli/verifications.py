"""`stagedoor users verifications`: decide requests for the verified badge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from control_plane.accounts import store as accounts
from control_plane.accounts import verification_store as store
from control_plane.accounts.verification_store import VerificationRequest
from control_plane.accounts.verifications import Verifications
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.operations import verifications as operations
from control_plane.storage.files import Files
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, columns, out

RequestArgument = Annotated[int, typer.Argument(metavar="REQUEST", help="Id of the request.", min=1, max=2**31 - 1)]


def list_requests(
    all_: Annotated[bool, typer.Option("--all", help="Decided requests too, newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of requests.")] = 50,
) -> None:
    """List open requests, oldest first."""

    async def print_requests(database: Database, settings: Settings) -> None:
        found = await (store.latest if all_ else store.waiting)(database, limit)
        usernames = await accounts.usernames(database, [request.user_id for request in found])
        table = columns("request", "user", "username", "name", "sent", "state")
        for request in found:
            table.add_row(
                str(request.id),
                str(request.user_id),
                usernames[request.user_id],
                request.name,
                f"{request.updated_at:%Y-%m-%d %H:%M}",
                _state(request),
            )
        out.print(table if found else "There are no requests.", highlight=False, markup=False)

    with_database(print_requests)


def show(
    request_id: RequestArgument,
    document: Annotated[
        Path | None, typer.Option(help="Write the document to this new file, which only you can read.")
    ] = None,
) -> None:
    """Show one request. Reading the document is recorded in the audit log."""

    async def print_request(database: Database, settings: Settings) -> None:
        request = await operations.requested(database, request_id)
        usernames = await accounts.usernames(database, [request.user_id])
        table = columns("", "")
        for name, value in {
            "request": str(request.id),
            "user": f"{usernames[request.user_id]} (user {request.user_id})",
            "name": request.name,
            "created": f"{request.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "documents sent": str(request.submissions),
            "document": request.document or "deleted",
            "state": _state(request),
        }.items():
            table.add_row(name, value)
        out.print(table, highlight=False, markup=False)
        if document is not None:
            await _write(database, settings, request, document)

    with_database(print_request)


async def _write(database: Database, settings: Settings, request: VerificationRequest, file: Path) -> None:
    from stagedoor.parts.storage import storage  # slow to import

    verifications = Verifications(database, Files(storage(settings), database))
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}.", param_hint="--document") from None
    with os.fdopen(opened, "wb") as target:
        content = await operations.document(database, verifications, actor(), request)
        target.write(content or b"")
    if content is None:
        file.unlink()
        out.print("The document was deleted.")
    else:
        out.print(f"The document is in {file}. Delete it when you have decided.", highlight=False, markup=False)


def approve(request_id: RequestArgument) -> None:
    """Approve a request: the user gets the verified badge."""
    _decide(request_id, verified=True)


def reject(
    request_id: RequestArgument,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
) -> None:
    """Reject a request. The user may send another one."""
    _decide(request_id, verified=False, reason=reason)


def _decide(request_id: int, *, verified: bool, reason: str = "") -> None:
    async def decide(database: Database, settings: Settings) -> None:
        await operations.decide(database, actor(), request_id, verified=verified, reason=reason)
        out.print(f"Verification request {request_id} is {'approved' if verified else 'rejected'}.", highlight=False)

    with_database(decide)


def _state(request: VerificationRequest) -> str:
    if request.verified is None:
        return "open"
    return "approved" if request.verified else "rejected"


COMMANDS: Commands = {"list": list_requests, "show": show, "approve": approve, "reject": reject}
