"""`stagedoor users`: add, list, show, ban and unban users, set roles, revoke sessions. And `stagedoor token`."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer

from control_plane.accounts import store as accounts
from control_plane.accounts.caller import Role
from control_plane.accounts.passwords import hash_password
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.user import NewUser, UserNotFound
from control_plane.base.ids import UserId
from control_plane.config.secrets import Purpose
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.ledger.wallets import wallet
from control_plane.operations import audit
from control_plane.operations.audit import Act
from control_plane.operations.operators import Operator
from control_plane.streams import store as streams
from stagedoor.cli.at_work import actor, keyring, user_id_of, with_operator
from stagedoor.cli.database import with_database
from stagedoor.cli.publisher import tell_when_gone
from stagedoor.cli.terminal import Commands, Yes, columns, confirm, err, out

SHORTEST_PASSWORD = 8
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Id or username.")]


def add(
    username: Annotated[str, typer.Argument(help="Up to 40 letters, digits, dots, dashes and underscores.")],
    email: Annotated[str, typer.Option(help="Address.")] = "",
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read a password from a line of input; it is stored, but no sign-in takes passwords yet.",
        ),
    ] = False,
) -> None:
    """Add a user and print the id. `stagedoor token` then issues a session."""
    if email and "@" not in email:
        raise typer.BadParameter("that is not an email address.", param_hint="--email")
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else ""
    if password_stdin and len(password) < SHORTEST_PASSWORD:
        raise typer.BadParameter(f"at least {SHORTEST_PASSWORD} characters are needed.", param_hint="--password-stdin")

    async def add_user(operator: Operator, database: Database, settings: Settings) -> None:
        password_hash = await hash_password(password) if password else None
        typer.echo(await operator.add_user(NewUser(username=username, email=email, password_hash=password_hash)))

    with_operator(add_user)


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
            state = "banned" if person.banned_at else ""
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
    """Show one user: state, coins and current stream."""

    async def print_user(database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        [person] = await accounts.overview(database, 1, user_id + 1)
        coins = (await wallet(database, user_id)).total
        stream = await streams.unfinished_of(database, user_id)
        if as_json:
            stream_id = None if stream is None else stream.id
            typer.echo(msgspec.json.encode({**msgspec.to_builtins(person), "coins": coins, "stream_id": stream_id}))
            return
        table = columns("", "")
        for name, value in {
            "id": str(person.id),
            "username": person.username,
            "email": person.email,
            "role": person.role,
            "created": f"{person.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "banned": f"{person.banned_at:%Y-%m-%d %H:%M:%S} UTC" if person.banned_at else "no",
            "coins": str(coins),
            "stream": f"{stream.id} ({stream.status.value})" if stream else "none",
        }.items():
            table.add_row(name, value)
        out.print(table, highlight=False, markup=False)

    with_database(print_user)


def token(user: UserArgument) -> None:
    """Issue and print a session token for a user."""

    async def issue_token(database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user)
        issued = await Sessions(keyring(settings, Purpose.SESSION), database, settings.session_ttl_s).issue(user_id)
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


def revoke(user: UserArgument) -> None:
    """End every session of a user and revoke the key of the user's stream. All devices have to sign in again."""

    async def revoke_sessions(operator: Operator, database: Database, settings: Settings) -> None:
        stream = await operator.revoke_sessions(await user_id_of(database, user))
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
    found = await accounts.by_ids(database, [user_id])
    if user_id not in found:
        raise UserNotFound
    name = f"{found[user_id].username} (user {user_id})"
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


COMMANDS: Commands = {
    "list": list_users,
    "show": show,
    "add": add,
    "operator": make_operator,
    "revoke": revoke,
    "ban": ban,
    "unban": unban,
}
