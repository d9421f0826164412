"""Fill a database with a long history in a few statements. Sizes are parameters: tests use a small one, `bench/feed.py`
the large one."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from control_plane.base.ids import UserId
from tests.postgres import as_superuser


@dataclass(frozen=True, slots=True)
class Size:
    users: int
    """Each follows the first user and ten others, and the first user follows the first 9,000 others. One in thirteen
    neither follows nor is followed by the first user: one of the two blocks the other."""
    videos: int
    """Half of them have the first sound, a tenth is private, one in 23 for friends, and one in 29 a story. All are in one town, a
    third at one place. Each has a like, a favourite and a repost of one user, a quarter those of the first user."""
    gifts: int
    """All to the first user's stream, which was never published to; half of them from senders with equal totals."""
    visits: int
    """Unseen visits of the first user."""


STAR = UserId(1)
"""The user's id, and also the id of their stream."""
HIT_SOUND = 1

GROWN = {
    *("app_user", "push_setting", "privacy_setting", "user_identity", "profile_visit", "session", "counter"),
    *("ledger_account", "ledger_transfer", "ledger_entry", "coins_received", "purchase", "daily_checkin"),
    *("stream", "stream_log", "stream_event", "publish_session", "gift_sent", "stream_gifter", "gift_total"),
    *("video_like", "video_favourite", "video_repost", "video_share", "video_view", "video_count", "not_interested"),
    *("sound", "video", "audit_log", "stored_file", "file_use", "upload_count"),
    *("device", "user_interest", "contact_search", "password_attempt", "account_lookup", "account_notice"),
    *("username_owner", "follow", "follow_request", "follow_count", "block"),
    *("push_outbox", "web_push_subscription"),
    *("conversation", "conversation_side", "message", "message_copy", "mailbox"),
    *("report", "report_decision"),
    *("payout_detail", "payout_request"),
    *("video_comment", "comment_like"),
    *("location", "video_content", "hashtag", "video_hashtag", "video_mention"),
}
"""The tables that have many rows afterwards."""

_FILL = """
    insert into app_user (username, private, banned_at)
    select 'user' || n, n % 11 = 0, case when n % 17 = 0 then now() end from generate_series(1, {users}) as n;
    insert into push_setting (user_id) select id from app_user;
    insert into privacy_setting (user_id) select id from app_user;
    insert into stored_file (name, kind, public, owner_id, bytes, sha256, state)
    select 'pictures/' || n, 'pictures', true, n, 1, '', case when n % 500 = 0 then 'deleting' else 'kept' end
    from generate_series(1, {users}) as n;
    insert into file_use (used_by, file_id) select 'user/' || owner_id || '/picture', id from stored_file where state = 'kept';
    insert into upload_count (user_id, kind, uploads, day) select id, 'pictures', 1, now()::date - (id % 40 / 39) * 5 from app_user;
    insert into user_identity (provider, subject, user_id) select 'dev', username, id from app_user;
    insert into username_owner (key, user_id, name) select username, id, username from app_user;
    insert into conversation (id, low_id, high_id, last_number)
    select id, 1, id, 2 from app_user where id > 1 union all select {users} + id, id, id + 1, 2 from app_user where id > 1 and id < {users};
    insert into conversation_side (user_id, conversation_id, other_id, state, change, message_change, unread)
    select low_id, id, high_id, 'open', 2 * id, 2 * id, 1 from conversation
    union all select high_id, id, low_id, case when id % 7 = 0 then 'request' else 'open' end, 2 * id, 2 * id, 0 from conversation;
    insert into message (conversation_id, number, sender_id, kind, text)
    select id, number, case when number = 1 then low_id else high_id end, 'text', 'hello'
    from conversation cross join generate_series(1, 2) as number;
    insert into message_copy (user_id, conversation_id, number, change)
    select user_id, conversation_id, number, change + number - 2
    from conversation_side join message using (conversation_id);
    update mailbox set last_change = 4 * {users};

    insert into ledger_account (owner_id, kind, balance)
    select id, kind, 0 from app_user cross join unnest(array['bought', 'earned']) as kind;
    insert into coins_received (user_id, coins) select id, 0 from app_user;
    insert into daily_checkin (user_id, day, streak, coins) select id, now()::date - n, 1, 0 from app_user cross join generate_series(1, 2) as n;

    insert into sound (name, audio, duration_ms) select 's' || n, 'a.mp3', 1 from generate_series(1, {videos} / 10) as n;
    insert into video_content (state, progress, media, sha256, duration_ms, width, height)
    select 'ready', 100, 'v.mp4', decode(md5(n::text), 'hex'), 1000, 9, 16 from generate_series(1, {videos}) as n;
    insert into location (name, string, google_place_id) select 'l' || n, 'street ' || n / 2, 'g' || n from generate_series(1, 1000) as n;
    insert into video (user_id, content_id, sound_id, privacy, story, created_at, location_id, latitude, longitude)
    select 1 + n * 7919 % {users}, n, case when n % 2 = 0 then 1 else 1 + n * 31 % ({videos} / 10) end,
        case when n % 10 = 0 then 'private' when n % 23 = 0 then 'friends' else 'public' end, n % 29 = 0,
        now() - (n % 100) * interval '1 hour', 1 + case when n % 3 = 0 then 0 else n % 1000 end,
        48 + n % 100 / 500.0, 11 + n % 77 / 400.0
    from generate_series(1, {videos}) as n;
    insert into video_like (video_id, user_id)
    select id, case when id % 4 = 0 then 1 else 1 + id * 31 % {users} end from video;
    insert into video_favourite (video_id, user_id)
    select id, case when id % 4 = 0 then 1 else 1 + id * 31 % {users} end from video;
    insert into video_repost (video_id, user_id)
    select id, case when id % 4 = 0 then 1 else 1 + id * 31 % {users} end from video;
    insert into not_interested (user_id, video_id)
    select case when id % 100 = 0 then 1 else 1 + id * 31 % {users} end, id from video;

    insert into video_share (video_id, user_id) select video_id, user_id from video_like where video_id % 4 = 1;
    insert into video_view (video_id, viewer, half_hour, user_id)
    select video_id, int4send(user_id), 1, user_id from video_like where video_id % 4 = 1;
    insert into hashtag (name) select 'tag' || n from generate_series(1, {videos}) as n;
    insert into video_hashtag (video_id, hashtag_id) select id, 1 + id * 31 % {videos} from video;
    insert into video_mention (video_id, user_id) select id, 1 + id * 31 % {users} from video;
    insert into video_comment (video_id, user_id, parent_id, text)
    select 1 + n * 7 % {videos}, 1 + n * 31 % {users}, case when n % 2 = 0 then n / 2 end, 'hello' from generate_series(1, {videos}) as n;
    insert into comment_like (comment_id, user_id) select 1 + n % ({videos} / 2), 1 + n * 31 % {users} from generate_series(1, {videos}) as n
    on conflict do nothing;

    insert into stream (user_id, path, grace_s, status, ended_at, source_id, live_at)
    select n, 'live/' || n, 60, case when n = 1 then 'created' when n % 100 = 0 then 'live' else 'ended' end,
        case when n > 1 and n % 100 > 0 then now() end, case when n > 1 and n % 100 = 0 then 's' end, now()
    from generate_series(1, {users}) as n;
    insert into stream_log (stream_id, epoch, last_seq) select id, 'e', case when id = 1 then {gifts} else 1 end from stream;
    insert into stream_event (stream_id, seq, type, at, frame) select 1, n, 'gift', now(), '{{}}' from generate_series(1, {gifts}) as n;
    insert into stream_event (stream_id, seq, type, at, frame) select id, 1, 'created', now(), '{{}}' from stream where id > 1;
    insert into publish_session (stream_id, source_id, protocol, started_at) select id, 's', 'rtmp', now() from stream where id > 1;

    insert into gift (id, title, coins, picture) values (1, 'Rose', 1, 'rose.svg');
    insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint)
    select 2 + n % ({users} - 1), 'gift', n::text, '' from generate_series(1, {gifts}) as n;
    insert into ledger_entry (transfer_id, account_id, amount)
    select id, account_id, amount from ledger_transfer cross join (values (5, -1), (6, 1)) as leg (account_id, amount);
    insert into gift_sent (stream_id, seq, gift_id, count, coins, sender_id, receiver_id, transfer_id, created_at)
    select 1, id, 1, 1, 1, user_id, 1, id, now() - id * interval '1 second' from ledger_transfer;
    insert into stream_gifter (stream_id, user_id, coins)
    select 1, user_id, case when user_id % 2 = 0 then 1 else user_id end from (select distinct user_id from ledger_transfer) as sender;
    insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
    select 1, user_id, coins, now()::date, coins, date_trunc('week', now())::date, coins from stream_gifter;
    insert into coin_package (id, product_id, title, coins, price_minor) values (1, 'p', 'p', 1, 1);
    insert into purchase (user_id, store, transaction_id, package_id, product_id, title, coins, price_minor, currency, bought_at, transfer_id)
    select user_id, 'sandbox', id::text, 1, 'p', 'p', 1, 1, 'USD', now(), id from ledger_transfer;
    insert into store_transaction (store, transaction_id, product_id, quantity, state, refunded, bought_at, asked_at)
    select store, transaction_id, product_id, 1, 'paid', '0', bought_at, bought_at from purchase;
    insert into purchase_change (transfer_id, purchase_id, coins) select transfer_id, id, 1 from purchase;
    insert into purchase_claim (user_id, store, reference, digest, client_ref, transaction_id, state, due_at, changed_at)
    select user_id, store, transaction_id, sha256(transaction_id::bytea), transaction_id, transaction_id,
        case when id % 100 = 0 then 'waiting' when id % 100 = 1 then 'refused' else 'credited' end,
        case when id % 100 = 0 then now() + id * interval '1 second' end, now() - id * interval '1 minute'
    from purchase;
    insert into store_notice (store, notice_id, kind, reference, due_at, received_at)
    select store, transaction_id, 'changed', transaction_id, case when id % 100 = 0 then now() end, now() - id * interval '1 minute'
    from purchase;
    insert into store_account (user_id) select id from app_user;
    insert into store_product (store, product_id, package_id) select 'apple', 'p' || n, 1 from generate_series(1, 1000) as n;
    insert into sandbox_transaction (transaction_id, state) select transaction_id, 'paid' from purchase;

    insert into payout_detail (user_id, method, sealed, key_id, shown) select id, 'paypal', 's', 'a', 'a•••@example.com' from app_user;
    insert into payout_request (user_id, coins, cash_per_coin, amount, currency, method, sealed, key_id, shown, transfer_id, state,
        end_id, ended_at, approved_at, approved_by)
    select user_id, 1, 0.01, 0.01, 'USD', 'paypal', 's', 'a', 'a•••@example.com', id, 'paid', id, now(), now(), 'cli:a'
    from ledger_transfer;
    update payout_request set state = case when id % 2 = 0 then 'requested' else 'approved' end, end_id = null, ended_at = null
    where id in (select max(id) from payout_request where user_id % 100 = 0 group by user_id);

    insert into profile_visit (user_id, visitor_id) select 1, n from generate_series(2, {visits} + 1) as n;
    insert into profile_visit (user_id, visitor_id) select n, 1 from generate_series(2, {users}) as n;
    insert into session (user_id, session_id, created_at, expires_at, last_used_at) select id, 's', now(), now(), now() from app_user;
    insert into device (key, user_id, token, seen_at)
    select 'k' || id, id, 't' || id, now() - id * interval '1 hour' from app_user;
    insert into push_message (kind, params, switch, collapse) values ('live', '{{}}', 'video_updates', '');
    insert into push_outbox (message_id, user_id, device_id, bulk) select id, user_id, id, id % 2 = 0 from device;
    insert into web_push_subscription (user_id, session_id, endpoint, public_key, auth)
    select user_id, session_id, 'https://push.example.com/' || user_id, 'p', 'a' from session;
    update app_user set device_token = 't' || id, phone = '+4915' || 100000000 + id;
    insert into user_interest (user_id, interest_id) select u.id, i.id from app_user u, interest i where (u.id + i.id) % 7 = 0;
    insert into contact_search (user_id, day, calls) select id, now()::date, 1 from app_user;
    insert into follow (follower_id, followed_id) select n, 1 from generate_series(2, {users}) as n where n % 13 > 0;
    insert into follow (follower_id, followed_id) select 1, n from generate_series(2, least({users}, 9000)) as n where n % 13 > 0;
    insert into follow (follower_id, followed_id)
    select n, 2 + (n * 31 + k * 97) % ({users} - 1) from generate_series(2, {users}) as n cross join generate_series(1, 10) as k
    where n <> 2 + (n * 31 + k * 97) % ({users} - 1)
    on conflict do nothing;
    insert into follow_request (requester_id, requested_id)
    select n, 11 from generate_series(2, {users}) as n where n % 3 = 0 on conflict do nothing;
    insert into block (blocker_id, blocked_id)
    select case when n % 2 = 0 then 1 else n end, case when n % 2 = 0 then n else 1 end from generate_series(13, {users}, 13) as n;
    insert into follow_count (user_id, hour, follows) select id, now(), 1 from app_user;
    insert into popular_user (user_id, followers) select id, 1000 - id from app_user where id <= 200;
    insert into audit_log (actor, act, subject) select 'cli:a', 'user.added', 'user:' || id from app_user;

    insert into password_attempt (account, origin, failed, created_at)
    select sha256(username::bytea), 'o' || id % 100, id % 3 > 0, now() - id * interval '1 minute' from app_user;
    insert into account_lookup (kind, origin, created_at) select 'contact', origin, created_at from password_attempt;
    insert into account_notice (about, channel, address, created_at)
    select 'email_changed', 'email', username, now() - id * interval '1 minute' from app_user;

    insert into report_decision (kind, thing_id, user_id, action, why, appealed_at)
    select 'user', id, id, 'remove', '', case when id % 100 = 1 then now() end from app_user order by id;
    insert into report (reporter_id, kind, thing_id, user_id, reason_id, evidence, decision_id, closed_at)
    select 1 + n % {users}, 'user', n, n, 1 + n % 12, '{{}}', case when n % 100 > 0 then n end, case when n % 100 > 0 then now() end
    from generate_series(1, {users}) as n;
"""


async def fill(dsn: str, size: Size) -> None:
    """Fill a new database."""
    connection = await asyncpg.connect(as_superuser(dsn))
    try:
        sizes = {"users": size.users, "videos": size.videos, "gifts": size.gifts, "visits": size.visits}
        await connection.execute(_FILL.format(**sizes))
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
