"""Every table that refers to a user: what its rows are after the removal of the user, and where the export shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from control_plane.accounts.providers.apple import revoke_apple_token
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.personal_data.removal import remove_deleted_accounts
from stagedoor.parts.personal_data import EXPORT_PARTS
from tests.api.served import served
from tests.control_plane.counted import wrong_counters
from tests.control_plane.grown import Size, fill

PERSON = UserId(2)

_REFERENCES = """
    select conrelid::regclass || '.' || attname as reference, conrelid::regclass::text as table, attname as column
    from pg_constraint join pg_attribute on attrelid = conrelid and attnum = any (conkey)
    where contype = 'f' and confrelid = 'app_user'::regclass
"""
_TABLES = "select tablename as name from pg_tables where schemaname = 'public' order by tablename"
# What `fill` does not write, and texts that tell who the person is.
_REST = """
    insert into verification_request (user_id, name) values (2, 'Ann Lee');
    insert into username_change (user_id, former) values (2, 'anna');
    insert into provider_token (provider, user_id, client_id, token) values ('apple', 2, 'app', 'sealed');
    insert into contact_code (purpose, channel, address, user_id, origin, created_at)
    values ('change_contact', 'email', 'ann@example.com', 2, '192.0.2.1', now());
    insert into data_export (user_id, exported_at) values (2, now());
    insert into video_content (id, media) values (1000000, 'a.mp4');
    insert into video (user_id, content_id, description) values (2, 1000000, 'the film of Ann');
    insert into video_like (video_id, user_id) values (1, 2), (2, 3) on conflict do nothing;
    insert into video_favourite (video_id, user_id) values (1, 2) on conflict do nothing;
    insert into video_repost (video_id, user_id, comment) values (1, 2, 'the words of Ann') on conflict do nothing;
    insert into video_share (video_id, user_id) values (1, 2) on conflict do nothing;
    insert into video_view (video_id, viewer, half_hour, user_id) values (1, '2', 1, 2) on conflict do nothing;
    insert into not_interested (video_id, user_id) values (1, 2) on conflict do nothing;
    insert into video_mention (video_id, user_id) values (1, 2) on conflict do nothing;
    insert into video_comment (video_id, user_id, text) values (1, 3, 'a comment'), (1, 2, 'the words of Ann');
    insert into video_comment (video_id, user_id, parent_id, text) values (1, 3, 2, 'a reply');
    insert into comment_like (comment_id, user_id) values (1, 2), (2, 3) on conflict do nothing;
    insert into upload (id, user_id, name, bytes, expires_at) values (repeat('a', 32), 2, 'the film of Ann', 1, now());
    insert into follow (follower_id, followed_id) values (2, 3), (3, 2) on conflict do nothing;
    insert into follow_request (requester_id, requested_id) values (2, 4), (4, 2) on conflict do nothing;
    insert into block (blocker_id, blocked_id) values (2, 5), (5, 2) on conflict do nothing;
    insert into inbox_entry (receiver_id, number, sender_id, kind) values (2, 1, 3, 'following'), (3, 1, 2, 'following');
    insert into inbox_hiding (sender_id) values (2);
    insert into report (reporter_id, kind, thing_id, user_id, reason_id, evidence)
    values (2, 'user', '3', 3, 1, '{}'), (3, 'user', '2', 2, 1, '{"first_name": "the name of Ann"}');
    insert into report_decision (kind, thing_id, user_id, action, why, appeal) values ('user', '2', 2, 'ban', '', 'the words of Ann');
    update message set text = 'the words of Ann' where sender_id = 2;
    update conversation set stranger_id = 2 where low_id = 2;
    insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint) values (2, 'gift', 'received', '');
    insert into gift_sent (stream_id, gift_id, count, coins, sender_id, receiver_id, transfer_id)
    values (2, 1, 1, 1, 3, 2, (select max(id) from ledger_transfer));
    update payout_detail set shown = 'the bank of Ann' where user_id = 2;
    update payout_request set shown = 'the bank of Ann' where user_id = 2;
    insert into daily_checkin (user_id, day, streak, coins) values (2, now(), 1, 0);
    insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
    values (2, 3, 1, now(), 1, now(), 1);
    update purchase set device = 'the phone of Ann' where user_id = 2;
    update stream set title = 'the show of Ann' where user_id = 2;
    update publish_session set user_agent = 'the encoder of Ann' where stream_id = 2;
    update app_user set deleted_at = now() - interval '31 days', first_name = 'the name of Ann' where id = 2;
    delete from session where user_id = 2;
"""


class Fate(NamedTuple):
    kept: str = ""
    """Why the rows stay when the user is removed. Empty: they are deleted."""
    exported: str = ""
    """The part of the export that shows them."""
    not_exported: str = ""
    """Why no part does."""


_GONE_WITH_SESSIONS = ["session.user_id", "web_push_subscription.user_id"]
MONEY = "money: both sides of a transfer have to be accounted for, and the row of the user holds no person any more"
EVIDENCE = "evidence of what was reported: deleted some time after the decision"
ANSWERS = "what the other wrote is data of the other, and the row of the user holds no person any more"
LIMIT = "counts calls for a limit"
FATES = {
    "user_identity.user_id": Fate(exported="identities"),
    "push_setting.user_id": Fate(exported="settings"),
    "privacy_setting.user_id": Fate(exported="settings"),
    "profile_visit.user_id": Fate(not_exported="who visited is data of the visitor"),
    "profile_visit.visitor_id": Fate(exported="visits"),
    "follow.follower_id": Fate(exported="follows"),
    "follow.followed_id": Fate(not_exported="who follows is data of the follower"),
    "follow_request.requester_id": Fate(exported="follow_requests"),
    "follow_request.requested_id": Fate(not_exported="who asks is data of the requester"),
    "block.blocker_id": Fate(exported="blocks"),
    "block.blocked_id": Fate(not_exported="who blocks is data of the blocker"),
    "follow_count.user_id": Fate(not_exported=LIMIT),
    "popular_user.user_id": Fate(not_exported="the number of followers, which the profile shows"),
    "inbox.user_id": Fate(not_exported="the number of the last entry"),
    "inbox_entry.receiver_id": Fate(exported="inbox"),
    "inbox_entry.sender_id": Fate(not_exported="the inbox is data of the receiver"),
    "inbox_hiding.sender_id": Fate(not_exported="work of a job"),
    "report.reporter_id": Fate(exported="reports"),
    "report.user_id": Fate(kept=EVIDENCE, not_exported="reports are data of the reporter"),
    "report_decision.user_id": Fate(kept=EVIDENCE, exported="report_decisions"),
    "conversation.low_id": Fate(kept=ANSWERS, exported="conversations"),
    "conversation.high_id": Fate(kept=ANSWERS, exported="conversations"),
    "conversation.stranger_id": Fate(not_exported=LIMIT),
    "conversation_side.user_id": Fate(exported="conversations"),
    "conversation_side.other_id": Fate(kept=ANSWERS, exported="conversations"),
    "message.sender_id": Fate(exported="messages"),
    "message_copy.user_id": Fate(exported="messages"),
    "mailbox.user_id": Fate(not_exported="the number of the last change"),
    "ledger_account.owner_id": Fate(kept=MONEY, exported="ledger_entries"),
    "ledger_transfer.user_id": Fate(kept=MONEY, exported="ledger_entries"),
    "coins_received.user_id": Fate(kept=MONEY, not_exported="the sum of gifts_received"),
    "purchase_claim.user_id": Fate(exported="purchase_claims"),
    "store_account.user_id": Fate(exported="store_account"),
    "purchase.user_id": Fate(kept=MONEY, exported="purchases"),
    "payout_detail.user_id": Fate(exported="payout_details"),
    "payout_request.user_id": Fate(kept=MONEY, exported="payouts"),
    "daily_checkin.user_id": Fate(exported="daily_checkins"),
    "stream.user_id": Fate(kept="gifts refer to it", exported="streams"),
    "gift_sent.sender_id": Fate(kept=MONEY, exported="gifts_sent"),
    "gift_sent.receiver_id": Fate(kept=MONEY, exported="gifts_received"),
    "gift_total.giver_id": Fate(kept=MONEY, not_exported="the sum of gifts_sent"),
    "gift_total.receiver_id": Fate(kept=MONEY, not_exported="the sum of gifts_received"),
    "stream_gifter.user_id": Fate(kept=MONEY, not_exported="the sum of gifts_sent"),
    "video.user_id": Fate(kept="a job removes it with its files, minutes later", exported="videos"),
    "video_like.user_id": Fate(exported="video_likes"),
    "video_favourite.user_id": Fate(exported="video_favourites"),
    "video_repost.user_id": Fate(exported="video_reposts"),
    "video_share.user_id": Fate(exported="video_shares"),
    "video_view.user_id": Fate(exported="video_views"),
    "not_interested.user_id": Fate(exported="not_interested"),
    "video_comment.user_id": Fate(exported="video_comments"),
    "comment_like.user_id": Fate(exported="comment_likes"),
    "video_mention.user_id": Fate(not_exported="whom a video mentions is data of its owner"),
    "upload.user_id": Fate(not_exported="an unfinished upload ends within hours"),
    "stored_file.owner_id": Fate(
        kept="the job that deletes the file needs the row until then", not_exported="the profile names the pictures"
    ),
    "upload_count.user_id": Fate(kept="deleted after days", not_exported=LIMIT),
    "provider_token.user_id": Fate(not_exported="a secret"),
    "contact_code.user_id": Fate(kept="deleted after two days", not_exported="a secret"),
    "username_owner.user_id": Fate(exported="username_changes"),
    "username_change.user_id": Fate(exported="username_changes"),
    "verification_request.user_id": Fate(exported="verification_requests"),
    "user_interest.user_id": Fate(exported="interests"),
    "device.user_id": Fate(exported="devices"),
    "web_push_subscription.user_id": Fate(exported="browsers"),
    "contact_search.user_id": Fate(not_exported=LIMIT),
    "session.user_id": Fate(exported="sessions"),
    "data_export.user_id": Fate(not_exported=LIMIT),
}


async def test_every_reference_to_a_user_has_a_fate(database: Database) -> None:
    """A new table that refers to users needs an entry in FATES, a step of the removal and a part of the export, or the
    reasons why not."""
    assert {row["reference"] for row in await database.fetch(_REFERENCES)} == set(FATES)
    parts = {part.name for part in EXPORT_PARTS}
    for reference, fate in FATES.items():
        assert bool(fate.exported) != bool(fate.not_exported), reference
        assert not fate.exported or fate.exported in parts, reference


async def rows_of(database: Database, user_id: UserId) -> dict[str, int]:
    """The number of rows that refer to the user, by the reference."""
    return {
        row["reference"]: await database.fetchval(
            f"select count(*) from {row['table']} where {row['column']} = $1",
            user_id,
        )
        for row in await database.fetch(_REFERENCES)
    }


async def tables_with(database: Database, text: str) -> list[str]:
    """The tables with a row that holds the text."""
    names = [row["name"] for row in await database.fetch(_TABLES)]
    holds = "select exists (select from {} as one where one::text like '%' || $1 || '%')"
    return [name for name in names if await database.fetchval(holds.format(name), text)]


async def test_a_removal_leaves_what_has_a_reason_to_stay(dsn: str, database: Database, tmp_path: Path) -> None:
    await fill(dsn, Size(users=20, videos=20, gifts=100, visits=10))
    await database.execute(_REST)
    written = await rows_of(database, PERSON)
    assert [reference for reference, count in written.items() if not count] == _GONE_WITH_SESSIONS
    assert sorted(await tables_with(database, "of Ann")) == [
        *("app_user", "message", "payout_detail", "payout_request"),
        *("publish_session", "purchase", "report", "report_decision", "stream"),
        *("upload", "video", "video_comment", "video_repost"),
    ]

    async with served(dsn, database, tmp_path) as (_, platform):
        before = json.loads(b"".join([piece async for piece in platform.personal_data.export.encoded(PERSON)]))
        shown = {name for name, rows in before.items() if rows}
        exported_parts = {fate.exported for reference, fate in FATES.items() if fate.exported and written[reference]}
        assert exported_parts - shown == {"ledger_entries"}, "whose accounts `fill` moves nothing on"
        await remove_deleted_accounts.function(platform.personal_data.removal)
        await revoke_apple_token.function(platform.accounts.apple_tokens, PERSON)
        left = await rows_of(database, PERSON)
        counted_wrong = await wrong_counters(database)
        exported = b"".join([piece async for piece in platform.personal_data.export.encoded(PERSON)])
    stays = {reference for reference, count in left.items() if count}
    assert stays == {reference for reference, fate in FATES.items() if fate.kept}
    assert await tables_with(database, "of Ann") == ["report"], "the evidence"
    assert b"Ann" not in exported
    assert counted_wrong == []
