"""`stagedoor database`: renew a restored database, or prepare a development database for production. No server may
run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.loading import load
from control_plane.config.settings import Settings
from control_plane.db.migrate import update
from control_plane.db.pool import Database
from control_plane.operations import installation
from control_plane.operations.development import make_fit_for_production
from control_plane.storage.files import Files
from stagedoor.cli import terminal
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import opened, reachable
from stagedoor.cli.terminal import Commands, Yes, confirm, out, progress
from stagedoor.parts.storage import storage


class ServerRuns(ControlPlaneError):
    code = "server_runs"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__("A server uses this database. Stop it first.")


def renew(
    keep_sessions: Annotated[
        bool,
        typer.Option(
            "--keep-sessions", help="Keep sessions and stream keys valid: nothing was lost, as when the database moved."
        ),
    ] = False,
    yes: Yes = False,
) -> None:
    """Declare that this database was restored from a backup. Sessions end, keys of unfinished streams are revoked, and
    reconnecting viewers start from the snapshot. The server detects most restores itself at its next start."""

    async def renew_installation(database: Database, settings: Settings) -> None:
        confirm("End every session and revoke every stream key?", yes=keep_sessions or yes)
        path = installation.file_of(settings.secrets_path, settings.data_dir)
        renewed = await installation.renew(database, path, actor(), keep_sessions=keep_sessions)
        out.print("The database is renewed. Reconnecting viewers start from the snapshot.")
        if keep_sessions:
            out.print("Sessions and stream keys stay valid.")
            return
        out.print(
            f"Users whose sessions have ended: {renewed.users}. Streams whose keys are revoked: {renewed.streams}."
        )
        out.print("Bans and roles are those of the backup: repeat the changes that were made after it.")

    _alone(renew_installation)


def production(yes: Yes = False) -> None:
    """Prepare a development database for production. Takes back unpaid coins, removes demo users, ends all sessions,
    stream keys and operator roles, and removes every way to sign in from accounts made in development mode."""

    async def leave_development(database: Database, settings: Settings) -> None:
        confirm("Take back all unpaid coins, end every session and remove every operator role?", yes=yes)
        taken_back = await make_fit_for_production(database, Files(storage(settings), database), actor())
        if taken_back is None:
            out.print("Development mode did not use this database: nothing was changed.")
            return
        out.print("Production accepts this database now. Every session has ended, every stream key is revoked.")
        out.print(f"Coins taken back: {taken_back.coins}, from {taken_back.holders} users.")
        out.print(f"Demo users removed: {taken_back.demo_people}.")
        out.print(f"Profile pictures of other servers cleared: {taken_back.pictures}.")
        out.print(
            f"Accounts without a way to sign in: {taken_back.accounts}. `stagedoor token <user>` issues a session."
        )
        if taken_back.operators:
            names = ", ".join(taken_back.operators)
            out.print(
                f"No longer operators: {names}. `stagedoor users operator <user>` makes a user an operator.",
                highlight=False,
                markup=False,
            )

    _alone(leave_development)


def _alone(work: Callable[[Database, Settings], Awaitable[None]]) -> None:
    """Run `work` as the owner of the tables while holding the server's lock, so that no server starts on this database.
    Raises ServerRuns."""
    # Imported here, because it is slow to import and other commands do not need it.
    from control_plane.db.only_server import AnotherServerRuns, OnlyServer

    settings = load()

    async def connected() -> None:
        async with reachable(settings) as dsns:
            only = OnlyServer(dsns.server, wait_s=0)
            try:
                await only.take()
            except AnotherServerRuns:
                raise ServerRuns from None
            try:
                await update(dsns, progress)
                async with opened(dsns.owner) as database:
                    await work(database, settings)
            finally:
                only.close()

    terminal.run(connected())


COMMANDS: Commands = {"renew": renew, "production": production}
