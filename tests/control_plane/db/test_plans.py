"""Plans of our statements on grown tables, also on connections that planned them while the tables were empty."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import pytest

from control_plane.accounts import (
    contacts_store,
    deletion_store,
    development_store,
    devices,
    export_store,
    lookups_store,
    notices_store,
    passwords_store,
    phone_book,
    plain_payouts_store,
    preferences_store,
)
from control_plane.accounts import profile_media_store as profile_media
from control_plane.accounts import session_store as sessions
from control_plane.accounts import store as accounts
from control_plane.accounts import usernames_store as usernames
from control_plane.accounts import verification_store as verifications
from control_plane.content import store as content
from control_plane.db.connections import Connection, new_connection
from control_plane.eventlog import store as events
from control_plane.gifts import boards_store
from control_plane.gifts import store as gifts
from control_plane.inbox import store as inbox
from control_plane.ledger import history_store
from control_plane.ledger import store as ledger
from control_plane.live import store as live
from control_plane.messages import personal_data as message_data
from control_plane.messages import reading_store as message_reads
from control_plane.messages import store as messages
from control_plane.operations import audit
from control_plane.payments import check_store as purchases_check
from control_plane.payments import claims_store, notifications_store, packages_store, store_accounts_store
from control_plane.payments import purchases_store as payments
from control_plane.payments.stores import sandbox
from control_plane.payouts import check_store as payouts_check
from control_plane.payouts import store as payouts
from control_plane.personal_data import store as personal_data
from control_plane.push import store as push
from control_plane.push import subscriptions_store
from control_plane.reports import store as reports
from control_plane.rewards import store as rewards
from control_plane.social import (
    blocks_store,
    followers_store,
    follows_store,
    people_store,
    suggestions_store,
    visits_store,
)
from control_plane.social import personal_data as social_data
from control_plane.storage import store as storage
from control_plane.streams import store as streams
from control_plane.videos import deletion_store as video_deletion
from control_plane.videos import files_store as video_files
from control_plane.videos import lists_store as video_lists
from control_plane.videos import news_store, operators_store, posting_store, processing_store, tags_store
from control_plane.videos import personal_data as video_data
from control_plane.videos import store as videos
from control_plane.videos.comments import removal_store as comment_removal
from control_plane.videos.comments import store as comments
from control_plane.videos.reactions import removal_store as reaction_removal
from control_plane.videos.reactions import store as reactions
from control_plane.videos.uploads import resumable_store
from control_plane.videos.views import removal_store as view_removal
from control_plane.videos.views import store as views
from tests.control_plane.grown import GROWN, Size, fill

OF_THE_WHOLE_DATABASE = {
    *(
        "accounts.development_store._LOCK_UNPROVEN",
        "accounts.development_store._FORGET_UNPROVEN",
        "accounts.devices._FORGET_UNPROVEN",
    ),
    *("accounts.session_store._END_EVERY", "accounts.session_store._NEW_SALTS"),
    "push.store._DROP_OF_OTHERS.fcm",
    "payouts.store._FORGET_SINCE",
    *(
        "accounts.development_store._DEMOTE",
        "accounts.development_store._CLEAR_FOREIGN_PICTURES",
        "eventlog.store._NEW_EPOCHS",
    ),
    "social.suggestions_store._RANK",
}
"""Commands of operators who take a database over, jobs, and what a start does; no call reaches them."""


def _texts(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        yield from (
            [(f"{name}.{key}", text) for key, text in value.items()] if isinstance(value, dict) else [(name, value)]
        )


MANY = 500
"""Rows. Partial indexes of what waits have fewer."""
SIZE = Size(users=5_000, videos=20_000, gifts=10_000, visits=4_000)
# Also statements that a module has once for each of several services.
STATEMENTS = {
    f"{module.__name__.removeprefix('control_plane.')}.{name}": value
    for module in (
        *(accounts, audit, phone_book, contacts_store, content, devices, events, ledger, live, lookups_store),
        *(gifts, boards_store),
        *(notices_store, passwords_store, payments, personal_data, preferences_store, profile_media, sessions),
        *(blocks_store, followers_store, follows_store, people_store, social_data, suggestions_store, visits_store),
        *(inbox, messages, message_data, message_reads),
        *(push, subscriptions_store),
        *(store_accounts_store, claims_store, notifications_store, packages_store, sandbox),
        *(payouts, payouts_check, plain_payouts_store, purchases_check),
        *(history_store, reports, rewards, storage, streams, usernames, verifications, videos, video_lists),
        *(news_store, operators_store, posting_store, processing_store, tags_store, resumable_store),
        *(deletion_store, development_store),
        *(comments, reactions, views),
        export_store,
        *(video_data, video_deletion, video_files, comment_removal, reaction_removal, view_removal),
    )
    for name, value in _texts(module)
    if isinstance(value, str)
    and name.startswith("_")
    and value.strip()
    and value.split()[0] in {"select", "insert", "update", "delete", "with"}
    and name not in {"_SELECT", "_SHOWN"}  # parts of others
}

Plan = dict[str, Any]


async def plan_of(connection: Connection, prepared: str) -> Plan:
    count = await connection.fetchval(
        f"select cardinality(parameter_types) from pg_prepared_statements where name = '{prepared}'"
    )
    arguments = f"({', '.join(['null'] * count)})" if count else ""
    explained = await connection.fetchval(f"explain (format json) execute {prepared} {arguments}")
    plan: Plan = json.loads(explained)[0]["Plan"]
    return plan


def steps(plan: Plan, *, limited: bool = False) -> Iterator[Plan]:
    limited = limited or plan["Node Type"] == "Limit"
    yield {**plan, "Limited": limited}
    for below in plan.get("Plans", ()):
        yield from steps(below, limited=limited)


def reads_all(step: Plan) -> bool:
    """Whether it reads a table that grows from end to end, which an index may do, too, for the sake of its order."""
    if step["Node Type"] in {"Sort", "Hash"}:
        return bool(step["Plan Rows"] > MANY)
    if step.get("Relation Name") not in GROWN:
        return False
    if step["Node Type"] in {"Index Scan", "Index Only Scan"}:
        return "Index Cond" not in step and not step["Limited"] and step["Plan Rows"] > MANY
    return bool(step["Node Type"] == "Seq Scan")


@pytest.fixture
async def connection(dsn: str) -> AsyncIterator[Connection]:
    connection = await new_connection(dsn)
    yield connection
    await connection.close()


async def test_no_statement_reads_a_table_that_grows_from_end_to_end(dsn: str, connection: Connection) -> None:
    prepared = {f"statement_{number}": name for number, name in enumerate(STATEMENTS)}
    await connection.execute("analyze")
    for name, statement in prepared.items():
        await connection.execute(f"prepare {name} as {STATEMENTS[statement]}")
        await plan_of(connection, name)
    await fill(dsn, SIZE)
    whole = {
        (statement, step["Node Type"], step.get("Relation Name"))
        for name, statement in prepared.items()
        for step in steps(await plan_of(connection, name))
        if reads_all(step)
    }
    assert {step for step in whole if step[0] not in OF_THE_WHOLE_DATABASE} == set()
    assert {statement for statement, _, _ in whole} >= OF_THE_WHOLE_DATABASE, "an exception that is none"


async def test_the_sessions_plan_once(connection: Connection) -> None:
    """A statement whose plan would be made at each execution for the sake of its arguments."""
    statement = await connection.prepare(accounts._BY_IDS)
    for _ in range(10):
        await statement.fetch([1])
    counts = await connection.fetchrow(
        "select generic_plans, custom_plans from pg_prepared_statements where statement = $1", accounts._BY_IDS
    )
    assert counts is not None
    assert tuple(counts) == (10, 0)
