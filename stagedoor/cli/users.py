"""`stagedoor users`: add, list, show, ban, unban, delete and export users, set passwords and roles, end sessions. And
`stagedoor token`."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from control_plane.accounts import session_store
from control_plane.accounts import store as accounts
from control_plane.accounts.caller import Role, SessionKey, Use
from control_plane.accounts.password_hashing import hash_password
from control_plane.accounts.password_rules import WeakPassword, check_password
from control_plane.accounts.session_store import Session
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.user import NewUser, UserNotFound
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.config.secrets import Purpose
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.ledger.wallets import wallet
from control_plane.operations import audit
from control_plane.operations.audit import Act
from control_plane.operations.operators import Operator
from control_plane.personal_data.export import Export
from control_plane.streams import store as streams
from stagedoor.cli.at_work import actor, keyring, user_id_of, with_operator
from stagedoor.cli.database import with_database
from stagedoor.cli.publisher import tell_when_gone
from stagedoor.cli.terminal import Commands, Yes, columns, confirm, err, out
from stagedoor.parts.personal_data import EXPORT_PARTS

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Id or username.")]


def add(
    username: Annotated[str, typer.Argument(help="Up to 40 letters, digits, dots, dashes and underscores.")],
    email: Annotated[str, typer.Option(help="Address.")] = "",
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read a password from a line of input.",
        ),
    ] = False,
) -> None:
    """Add a user and print the id. `stagedoor token` then issues a session."""
    if email and "@" not in email:
        raise typer.BadParameter("that is not an email address.", param_hint="--email")
    new_password = _typed_password(username, email) if password_stdin else ""

    async def add_user(operator: Operator, database: Database, settings: Settings) -> None:
        password_hash = await hash_password(new_password) if new_password else None
        typer.echo(await operator.add_user(NewUser(username=username, email=email, password_hash=password_hash)))

    with_operator(add_user)


def _typed_password(*names: str) -> str:
    """`names`: what it must not be. From a hidden prompt, or from a line of input if that is no terminal: arguments are seen by other users of the
    machine."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    try:
        check_password(typed, *names)
    except WeakPassword as weak:
        raise typer.BadParameter(str(weak), param_hint="the password") from None
    return typed


def _state(person: accounts.Overview) -> str:
    states = {"removed": person.removed_at, "deleted": person.deleted_at, "banned": person.banned_at}
    return next((state for state, since in states.items() if since), "")


def list_users(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of users.")] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only users with a smaller id: the next page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List users, newest first."""

    async def print_users(database: Database, settings: Settings) -> None:
        found = await accounts.overview(database, limit, before)
        if as_json:
            typer.echo(msgspec.json.encode(found))
            return
        table = columns("id", "username", "role", "state", "since", "email")
        for person in found:
            state = _state(person)
            table.add_row(
                str(person.id), person.username, person.role, state, f"{person.created_at:%Y-%m-%d}", person.email
            )
        out.print(table if found else "There are no users.", highlight=False, markup=False)
        if len(found) == limit:
            err.print(f"[dim]More: --before {found[-1].id}[/]")

    with_database(print_users)


def show(
    user: UserArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show one user: state, coins, current stream and sessions."""

    async def print_user(database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        [person] = await accounts.overview(database, 1, user_id + 1)
        coins = (await wallet(database, user_id)).total
        stream = await streams.unfinished_of(database, user_id)
        sessions = await session_store.sessions_of(database, user_id, utc_now())
        if as_json:
            stream_id = None if stream is None else stream.id
            more = {"coins": coins, "stream_id": stream_id, "sessions": sessions}
            typer.echo(msgspec.json.encode({**msgspec.to_builtins(person), **more}))
            return
        table = columns("", "")
        for name, value in {
            "id": str(person.id),
            "username": person.username,
            "email": person.email,
            "role": person.role,
            "created": f"{person.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "banned": _since(person.banned_at),
            "deleted": _since(person.deleted_at) + (" (removed for good)" if person.removed_at else ""),
            "coins": str(coins),
            "stream": f"{stream.id} ({stream.status.value})" if stream else "none",
        }.items():
            table.add_row(name, value)
        out.print(table, highlight=False, markup=False)
        if sessions:
            out.print()
            out.print(_sessions_table(sessions), highlight=False, markup=False)

    with_database(print_user)


def _since(at: dt.datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "no"


def _sessions_table(sessions: Sequence[Session]) -> Table:
    table = columns("session", "last used", "address", "country", "app", "device")
    for session in sessions:
        used = f"{session.last_used_at:%Y-%m-%d %H:%M} UTC"
        table.add_row(session.session_id, used, session.address, session.country, session.app, session.device)
    return table


def password(user: UserArgument) -> None:
    """Set a user's password, which is read from a prompt or from a line of input. All devices have to sign in again."""
    new_password = _typed_password(user)

    async def set_password(operator: Operator, database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        await operator.set_password(user_id, await hash_password(new_password))
        out.print(f"{user} has a new password, and every session has ended.", highlight=False, markup=False)

    with_operator(set_password)


def token(user: UserArgument) -> None:
    """Issue and print a session token for a user."""

    async def issue_token(database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        issued = await Sessions(keyring(settings, Purpose.SESSION), database, settings.session_ttl_s).issue(
            user_id, Use(app="stagedoor token")
        )
        async with database.transaction() as connection:
            await audit.record(connection, actor(), Act.SESSION_ISSUED, audit.user(user_id))
        typer.echo(issued)

    with_database(issue_token)


def make_operator(
    user: UserArgument,
    remove: Annotated[bool, typer.Option("--remove", help="Make an operator an ordinary user again.")] = False,
) -> None:
    """Give a user the role of operator."""
    role, noun = (Role.USER, "an ordinary user") if remove else (Role.OPERATOR, "an operator")

    async def change_role(operator: Operator, database: Database, settings: Settings) -> None:
        changed = await operator.set_role(await user_id_of(database, user), role)
        out.print(f"{user} is {noun} {'now' if changed else 'already'}.", highlight=False)

    with_operator(change_role)


def revoke(
    user: UserArgument,
    session: Annotated[
        str, typer.Option(help="Only this session, from `stagedoor users show`; the stream key stays.")
    ] = "",
) -> None:
    """End every session of a user and revoke the key of the user's stream. All devices have to sign in again."""

    async def revoke_sessions(operator: Operator, database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        if session:
            ended = await operator.end_session(SessionKey(user_id, session))
            out.print(f"The session {'has ended' if ended else 'had ended already'}.", highlight=False)
            return
        stream = await operator.revoke_sessions(user_id)
        out.print(f"Every session of {user} has ended.", highlight=False)
        if stream is not None:
            out.print(f"The key of stream {stream.id} has been revoked.")
            await tell_when_gone(settings, database, stream)

    with_operator(revoke_sessions)


def ban(user: UserArgument, yes: Yes = False) -> None:
    """Ban a user: ends the user's sessions and stream, disconnects the encoder, and refuses further sign-ins."""

    async def ban_user(operator: Operator, database: Database, settings: Settings) -> None:
        await carry_out_ban(operator, database, settings, await user_id_of(database, user), yes=yes)

    with_operator(ban_user)


async def carry_out_ban(
    operator: Operator, database: Database, settings: Settings, user_id: UserId, *, yes: bool
) -> None:
    """Ban the user after confirmation. Raises UserNotFound."""
    name = await _name_of(database, user_id)
    stream = await streams.unfinished_of(database, user_id)
    ends = f"every session of theirs and stream {stream.id}" if stream else "every session of theirs"
    confirm(f"Ban {name}? This ends {ends}, and refuses further sign-ins.", yes=yes)
    changed, stream = await operator.ban(user_id)
    out.print(f"{name} is banned{'' if changed else ' already'}.", highlight=False, markup=False)
    if stream is not None:
        out.print(f"Stream {stream.id} has ended.")
        await tell_when_gone(settings, database, stream)


def unban(user: UserArgument) -> None:
    """Unban a user, who then has to sign in again."""

    async def unban_user(operator: Operator, database: Database, settings: Settings) -> None:
        changed = await operator.unban(await user_id_of(database, user))
        out.print(f"{user} is {'no longer' if changed else 'not'} banned.", highlight=False)

    with_operator(unban_user)


async def _name_of(database: Database, user_id: UserId) -> str:
    """Raises UserNotFound."""
    found = await accounts.usernames(database, [user_id])
    if user_id not in found:
        raise UserNotFound
    return f"{found[user_id]} (user {user_id})"


def delete(user: UserArgument, yes: Yes = False) -> None:
    """Delete a user's account: at once invisible and signed out, removed for good after LIVE_DELETION_DAYS. Until then
    the user can bring it back by signing in."""

    async def delete_user(operator: Operator, database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        name = await _name_of(database, user_id)
        coins = (await wallet(database, user_id)).total
        lost = f" The account has {coins} coins, which are lost." if coins else ""
        confirm(
            f"Delete the account of {name}?{lost} It is removed for good after {settings.deletion_days} days.", yes=yes
        )
        deleted, stream = await operator.delete(user_id)
        out.print(f"{name} is deleted{'' if deleted else ' already'}.", highlight=False, markup=False)
        if stream is not None:
            out.print(f"Stream {stream.id} has ended.")
            await tell_when_gone(settings, database, stream)

    with_operator(delete_user)


def export(user: UserArgument) -> None:
    """Print everything that is stored about a user, as JSON: the answer to a request under data protection law."""

    async def export_user(database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        await _name_of(database, user_id)
        async with database.transaction() as connection:
            await audit.record(connection, actor(), Act.DATA_EXPORTED, audit.user(user_id))
        async for piece in Export(database, EXPORT_PARTS).encoded(user_id):
            sys.stdout.write(piece.decode())
        sys.stdout.write("\n")

    with_database(export_user)


COMMANDS: Commands = {
    "list": list_users,
    "show": show,
    "add": add,
    "password": password,
    "operator": make_operator,
    "revoke": revoke,
    "ban": ban,
    "unban": unban,
    "delete": delete,
    "export": export,
}
