"""What the server's database role may do, in a database of this release: its own pool is what every other test uses."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from control_plane.base.workers import Workers
from control_plane.config.declare import InvalidSettings
from control_plane.config.ports import Ports
from control_plane.config.secrets import load_or_create
from control_plane.config.settings import Settings
from control_plane.db.embedded.roles import SERVER
from control_plane.db.migrate import DatabaseIsOlder, NotTheOwner, check_schema, migrate, update
from control_plane.db.pool import Database, open_pool
from control_plane.db.privileges import READ_ONLY, UPDATABLE, Dsns
from control_plane.observe.metrics import Metrics
from stagedoor.cli.doctor.database import role
from stagedoor.cli.doctor.finding import State
from stagedoor.cli.doctor.installation import Installation
from stagedoor.parts.database import database as database_part
from tests.control_plane.people import new_user
from tests.postgres import EMPTY, TestPostgres, as_owner, by_owner

CHANGEABLE = {
    "account_lookup",
    "account_notice",
    "app_slider",
    "app_user",
    "block",
    "coin_package",
    "coins_received",
    "comment_like",
    "contact_code",
    "contact_search",
    "conversation",
    "conversation_side",
    "counter",
    "daily_checkin",
    "data_export",
    "device",
    "file_use",
    "follow",
    "follow_count",
    "follow_request",
    "gift",
    "gift_combo",
    "gift_total",
    "hashtag",
    "inbox",
    "inbox_entry",
    "inbox_hiding",
    "installation",
    "interest",
    "interest_section",
    "ledger_check",
    "licence",
    "location",
    "mailbox",
    "message",
    "message_copy",
    "not_interested",
    "password_attempt",
    "payout_detail",
    "pgqueuer",
    "pgqueuer_log",
    "pgqueuer_schedules",
    "pgqueuer_statistics",
    "popular_user",
    "privacy_setting",
    "profile_visit",
    "provider_token",
    "publish_session",
    "purchase_claim",
    "push_message",
    "push_outbox",
    "push_service",
    "push_setting",
    "refused_content",
    "report",
    "report_decision",
    "report_reason",
    "sandbox_transaction",
    "secret_fingerprint",
    "session",
    "sound",
    "store_account",
    "store_notice",
    "store_transaction",
    "stored_file",
    "stream",
    "stream_event",
    "stream_gifter",
    "stream_log",
    "upload",
    "upload_count",
    "user_identity",
    "user_interest",
    "username_change",
    "username_owner",
    "verification_request",
    "video",
    "video_comment",
    "video_content",
    "video_count",
    "video_favourite",
    "video_hashtag",
    "video_like",
    "video_mention",
    "video_repost",
    "video_share",
    "video_view",
    "web_push_subscription",
}
"""Tables whose rows the server may change and delete. A new table belongs here, or into UPDATABLE of
`control_plane/db/privileges.py` if its rows must stay."""

_TABLES = "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
_MAY = """
    select relname, has_table_privilege('stagedoor', oid, 'update') as update, has_table_privilege('stagedoor', oid, 'delete') as delete,
        has_table_privilege('stagedoor', oid, 'truncate') as truncate, has_table_privilege('stagedoor', oid, 'trigger') as trigger,
        has_table_privilege('stagedoor', oid, 'insert') as insert, has_table_privilege('stagedoor', oid, 'select') as select,
        array(
            select attname::text from pg_attribute
            where attrelid = pg_class.oid and attnum > 0 and has_column_privilege('stagedoor', pg_class.oid, attnum, 'update')
            order by attnum
        ) as updatable
    from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
"""


async def test_each_table_is_listed_and_the_server_may_do_with_it_what_the_list_says(database: Database) -> None:
    rows = {row["relname"]: row for row in await database.fetch(_MAY)}
    assert set(rows) == CHANGEABLE | set(UPDATABLE) | set(READ_ONLY)
    assert {name for name, row in rows.items() if row["update"]} == CHANGEABLE
    assert {name for name, row in rows.items() if row["delete"]} == CHANGEABLE
    assert {name: tuple(rows[name]["updatable"]) for name in UPDATABLE} == {
        name: tuple(columns) for name, columns in UPDATABLE.items()
    }
    assert {name for name, row in rows.items() if row["truncate"] or row["trigger"]} == set()
    assert {name for name, row in rows.items() if not row["insert"]} == set(READ_ONLY)
    assert all(row["select"] for row in rows.values())


FORBIDDEN = [
    "update ledger_entry set amount = 1",
    "update ledger_transfer set note = ''",
    "update ledger_account set owner_id = 1",
    "update purchase set transaction_id = ''",
    "update gift_sent set coins = 1",
    "update payout_request set coins = 1",
    "update audit_log set actor = ''",
    *(f"delete from {table}" for table in UPDATABLE),
    *(f"truncate {table} cascade" for table in UPDATABLE),
    "alter table ledger_entry disable trigger all",
    "alter table ledger_entry add column mine int",
    "drop trigger ledger_entry_append_only on ledger_entry",
    "create trigger mine before insert on ledger_entry execute function ledger_append_only()",
    "create or replace function ledger_append_only() returns trigger language plpgsql as 'begin return null; end'",
    "drop table ledger_entry",
    "create table mine ()",
    "create schema mine",
    "create temporary table ledger_entry ()",
    "set session_replication_role = replica",
    "set role stagedoor_owner",
    "set session authorization stagedoor_owner",
    "alter role stagedoor superuser",
    "create role mine",
    "select rolpassword from pg_authid",
    "copy app_user from program 'id'",
    "copy (select 1) to '/tmp/mine'",
    "select pg_read_file('postgresql.conf')",
    "select setval(pg_get_serial_sequence('ledger_entry', 'id'), 1)",
    "insert into schema_migration (version, name) values (9999, 'mine')",
    "alter system set fsync = off",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_server_may_not(database: Database, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute(statement)


async def test_a_table_of_a_later_migration_needs_no_grant_of_its_own(dsn: str, database: Database) -> None:
    await by_owner(database, "create table later (id integer generated always as identity, serial bigserial)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute("insert into later default values")
    assert await update(Dsns(server=dsn, owner=as_owner(dsn))) == 0
    await database.execute("insert into later default values")
    await database.execute("update later set serial = 2")
    await database.execute("delete from later")


async def test_tables_of_an_earlier_release_are_not_read_before_they_are_granted(dsn: str, database: Database) -> None:
    await by_owner(database, "revoke all on all tables in schema public from stagedoor")
    assert await update(Dsns(server=dsn, owner=as_owner(dsn))) == 0
    assert await database.fetchval("select count(*) > 0 from schema_migration")


async def test_a_privilege_that_should_not_be_there_is_taken_at_the_next_start(dsn: str, database: Database) -> None:
    await by_owner(database, "grant all on ledger_entry to stagedoor; grant update on ledger_entry to public")
    with pytest.raises(asyncpg.CheckViolationError, match="append-only"):
        await database.execute("update ledger_entry set amount = 1")
    await update(Dsns(server=dsn, owner=as_owner(dsn)))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute("update ledger_entry set amount = 1")


async def test_a_server_without_the_owners_dsn_works_on_a_migrated_database_only(
    postgres: TestPostgres, dsn: str
) -> None:
    assert await update(Dsns(dsn, dsn)) == 0
    async with postgres.database(EMPTY) as empty:
        with pytest.raises(NotTheOwner, match="permission denied for schema public"):
            await update(Dsns(empty, empty))
        await migrate(as_owner(empty), server_role=SERVER)
        await _forget_last(empty)
        with pytest.raises(DatabaseIsOlder, match="LIVE_DATABASE_OWNER_URL"):
            await update(Dsns(empty, empty))


async def test_an_owner_that_is_turned_away_names_its_setting(dsn: str) -> None:
    nobody = as_owner(dsn).replace("stagedoor_owner@", "nobody@")
    with pytest.raises(InvalidSettings, match='LIVE_DATABASE_OWNER_URL: role "nobody" does not exist'):
        await update(Dsns(dsn, nobody))


async def test_the_doctor_and_the_start_tell_whether_the_role_owns_the_tables(
    dsn: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tmp_path)
    for used, state, logged in ((dsn, State.OK, []), (as_owner(dsn), State.WARNING, ["database_role_owns_tables"])):
        found = await role(Installation(settings, False, False, {}, False, Ports.of(settings), used, ""))
        assert found is not None
        assert found.state is state
        caplog.clear()
        workers, secrets = Workers(), load_or_create(tmp_path / "secrets.json")
        async with database_part(Dsns(used, used), settings, secrets, workers, Metrics(), lambda line: None):
            pass
        warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
        assert warnings == logged


async def test_one_role_may_do_everything_as_before(postgres: TestPostgres) -> None:
    async with postgres.database(EMPTY) as empty:
        owner = as_owner(empty)
        await update(Dsns(owner, owner))
        await check_schema(owner)
        database = await open_pool(owner, 1)
        try:
            await new_user(database)
        finally:
            await database.close()


async def _forget_last(dsn: str) -> None:
    connection = await asyncpg.connect(as_owner(dsn))
    try:
        await connection.execute(
            "delete from schema_migration where version = (select max(version) from schema_migration)"
        )
    finally:
        await connection.close()
