"""What a gift costs does not grow with the tables, even with plans that were made while they were small."""

from __future__ import annotations

import json

import pytest

from control_plane.db.connections import Connection
from control_plane.gifts.gift import PreparedGift
from control_plane.gifts.sending_store import Outcome, send
from tests.control_plane.gifts.stage import Stage
from tests.control_plane.gifts.test_batches import AT, prepared
from tests.postgres import by_owner

_GROW = """
    insert into app_user (username) select 'grown' || n from generate_series(1, 4000) as n;
    insert into ledger_account (owner_id, kind, balance)
    select id, kind, 0 from app_user cross join unnest(array['bought', 'earned', 'reward', 'debt']) as kind on conflict do nothing;
    insert into block (blocker_id, blocked_id) select id, id - 1 from app_user where username like 'grown%' and id > 1;
    insert into video_content (id, media) select 1000000 + id, 'v' from app_user;
    insert into video (user_id, content_id) select id, 1000000 + id from app_user;
    insert into stream (user_id, path, grace_s, status, ended_at) select id, 'old/' || id, 60, 'ended', now() from app_user;
    insert into stream_log (stream_id, epoch) select id, 'e' from stream on conflict do nothing;
    insert into stream_event (stream_id, seq, type, at, frame) select id, 1000000, 'gift', now(), '{}' from stream;
    insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint)
    select id, 'gift', 'old' || n, '' from app_user cross join generate_series(1, 5) as n where username like 'grown%';
    insert into gift_sent (stream_id, gift_id, count, coins, sender_id, receiver_id, transfer_id)
    select stream.id, 1, 1, 1, transfer.user_id, stream.user_id, transfer.id
    from ledger_transfer transfer cross join (select id, user_id from stream where status <> 'ended' limit 1) as stream
    where idempotency_key like 'old%';
    insert into stream_gifter (stream_id, user_id, coins) select stream_id, sender_id, sum(coins) from gift_sent
    where sender_id in (select id from app_user where username like 'grown%') group by stream_id, sender_id;
    insert into gift_combo select stream_id, user_id, 1, 1, now() from stream_gifter on conflict do nothing;
    insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
    select receiver_id, sender_id, 5, now(), 5, now(), 5 from gift_sent on conflict do nothing;
    insert into coins_received (user_id, coins) select id, 1 from app_user on conflict do nothing;
"""


async def blocks(connection: Connection, gifts: list[PreparedGift]) -> int:
    """Blocks that a call touches."""

    explained: list[str] = []

    class Explaining:
        async def fetch(self, call: str, *args: object) -> list[object]:
            explained.append(await connection.fetchval(f"explain (analyze, buffers, format json) {call}", *args))
            raise _Explained

    with pytest.raises(_Explained):
        await send(Explaining(), gifts, AT)  # type: ignore[arg-type]
    plan = json.loads(explained[0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


class _Explained(Exception):
    pass


async def test_gifts_touch_as_many_blocks_when_the_tables_have_grown(stage: Stage) -> None:
    senders = [await stage.user(coins=100) for _ in range(16)]
    star, _ = await stage.star()
    async with stage.database.connection(deadline_s=60) as connection:
        for _ in range(3):
            answers = await send(connection, [prepared(sender, star) for sender in senders], AT)
            assert {answer.outcome for answer in answers} == {Outcome.SENT}
        lone = await blocks(connection, [prepared(senders[0], star)])
        many = await blocks(connection, [prepared(sender, star) for sender in senders])
        await by_owner(stage.database, _GROW)
        assert await blocks(connection, [prepared(senders[0], star)]) < 2 * lone + 50
        assert await blocks(connection, [prepared(sender, star) for sender in senders]) < 2 * many + 50
