"""Privileges of the server's database role. The owner owns the tables and migrates; the server's role reads and writes
rows, except in the tables that only grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from control_plane.config.settings import Settings
from control_plane.db.connections import Connection

UPDATABLE: Mapping[str, Sequence[str]] = {
    "ledger_account": ("balance",),
    "ledger_transfer": (),
    "ledger_entry": (),
    "purchase": ("device", "refunded_coins"),
    "purchase_change": (),
    "coin_package_terms": ("title", "coins", "price_minor", "currency"),
    "store_product": (),
    "gift_sent": (),
    "payout_request": (
        *("sealed", "key_id", "shown", "state", "end_id", "approved_at", "approved_by", "exported_at", "ended_at"),
        *("reason", "bank_reference"),
    ),
    "gift_terms": ("title", "picture"),
    "audit_log": (),
}
"""Tables from which the server's role deletes nothing, with the columns that it may update. In all other tables it may
update and delete rows (tests/control_plane/db/test_privileges.py lists them)."""
READ_ONLY = ("schema_migration",)

_TABLES = """
    select relname from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
    order by relname
"""
_NAMES = (
    "select quote_ident($1) as role, quote_ident(current_schema()) as schema, quote_ident(current_database()) as db"
)
_OWNS = """
    select current_user::text as role, rolsuper or exists (
        select from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')
            and pg_has_role(current_user, relowner, 'usage')
    ) as owns
    from pg_roles where rolname = current_user
"""
_MAY_LIMIT = """
    select pg_has_role(current_user, datdba, 'usage') from pg_database where datname = current_database()
"""


class Dsns(NamedTuple):
    """Data source names of one database, by role."""

    server: str
    owner: str
    """Of the role that owns the tables. The same as `server` when one role does both."""


def configured_dsns(settings: Settings) -> Dsns | None:
    """Those of the settings. None: the database is the embedded one."""
    if not settings.database_url:
        return None
    return Dsns(settings.database_url, settings.database_owner_url or settings.database_url)


class Role(NamedTuple):
    name: str
    owns: bool
    """It owns tables or is a superuser: no privilege can be kept from it."""


async def role_of(connection: Connection) -> Role:
    row = await connection.fetchrow(_OWNS)
    assert row is not None
    return Role(row["role"], row["owns"])


async def grant(connection: Connection, role: str) -> None:
    """Give the server's role its privileges on every table, and take all others from it. `connection` is the owner's.

    Run it after each migration: the privileges of a new table are then right without a statement in its migration.
    """
    names = await connection.fetchrow(_NAMES, role)
    assert names is not None
    role, schema, database = names["role"], names["schema"], names["db"]
    tables = {row["relname"] for row in await connection.fetch(_TABLES)}
    statements = [
        f"revoke all on all tables in schema {schema} from public, {role}",
        f"grant usage on schema {schema} to {role}",
        f"grant select, insert on all tables in schema {schema} to {role}",
        f"grant usage, select on all sequences in schema {schema} to {role}",
    ]
    statements += [f'grant update, delete on "{table}" to {role}' for table in tables - {*UPDATABLE, *READ_ONLY}]
    statements += [
        f'grant update ({", ".join(columns)}) on "{table}" to {role}'
        for table, columns in UPDATABLE.items()
        if columns and table in tables
    ]
    statements += [f'revoke insert on "{table}" from {role}' for table in READ_ONLY]
    if await connection.fetchval(_MAY_LIMIT):
        # A temporary table would hide the table of the same name from the functions of triggers.
        statements.append(f"revoke temporary, create on database {database} from public, {role}")
    async with connection.transaction():
        await connection.execute(";\n".join(statements))
