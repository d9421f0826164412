"""`/live` for signed-in callers: what hiding streams costs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from tests.api.whole import Whole, whole
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block
from tests.control_plane.watched_database import WatchedDatabase, watched_database


async def hosts(served: Whole, token: str = "", **headers: str) -> list[int]:
    sent = {"Authorization": f"Bearer {token}"} if token else headers
    async with served.client.get("/live", headers=sent) as response:
        assert response.status == 200
        return [item["user_id"] for item in (await response.json())["streams"]]


async def live_host(database: WatchedDatabase) -> UserId:
    host = await new_user(database, "host")
    await new_stream(database, host, status="live", source_id="s", live_at=utc_now())
    return host


async def test_a_caller_without_blocks_costs_no_query_and_one_with_blocks_few(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        issue = served.platform.accounts.sessions.issue
        host = await live_host(database)
        ann, ben = await new_user(database, "ann"), await new_user(database, "ben")
        await block(database, host, ben)
        anns, bens = await issue(ann), await issue(ben)
        await served.next_second()
        served.pages._live._clock = lambda: 0.0  # the pages stay as they are
        await hosts(served)
        uses = []
        for token in (anns, anns, bens, bens):
            before = database.uses
            assert await hosts(served, token) == ([host] if token == anns else [])
            uses.append(database.uses - before)
        # Ann: her blocks, once. Ben: his blocks, and whether his session is that of an operator.
        assert uses == [1, 0, 2, 0]


async def test_whose_token_hides(dsn: str, tmp_path: Path) -> None:
    async with watched_database(dsn) as database, whole(dsn, database, tmp_path) as served:
        sessions = served.platform.accounts.sessions
        host, ben = await live_host(database), await new_user(database, "ben")
        await block(database, ben, host)
        token = await sessions.issue(ben)
        await served.next_second()
        before = database.uses
        assert [sessions.names(text) for text in (token, token[:-2], "0", "a.b.c", "")] == [ben, *[None] * 4]
        assert database.uses == before
        assert await hosts(served, token) == []
        assert await hosts(served, Cookie=f"stagedoor={token}") == []
        assert await hosts(served, token[:-2]) == [host]
        await sessions.end(token)
        assert await hosts(served, token) == [host], "signed out"
        sessions._clock = lambda: utc_now() + dt.timedelta(days=1000)
        assert sessions.names(token) is None
