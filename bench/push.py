"""Benchmark of a star's start of stream: how long it takes to queue the push messages of 100,000 followers, and what calls
notice while they are sent at the bounded rate.

The push service is a process of its own that accepts every message.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from statistics import median

import uvloop
from aiohttp import web

from bench.processes import child, configuration, say, stdin
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import UserId
from control_plane.config.push import PushSettings
from control_plane.db.embedded.roles import SERVER
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, open_pool
from control_plane.observe.metrics import Metrics
from control_plane.push import store
from control_plane.push.fcm.account import fcm_account
from control_plane.push.fcm.client import Fcm
from control_plane.push.http import new_session
from control_plane.push.metrics import PushMetrics
from control_plane.push.model import Push, ServiceName, Text
from control_plane.push.queue import enqueue
from control_plane.push.sender import Rules, Sender
from control_plane.videos.pushes_store import outdated
from tests.local_push import PROJECT, credentials
from tests.postgres import as_superuser, running_postgres

FOLLOWERS = 100_000
BATCH = 1000
"""Followers that the inbox tells in one transaction."""
QUEUED_S = Target(2.0)
SLOWER = Target(1.5)
SEND_S = 10.0
LIVE = Push("live", {"sender_id": 1, "user_id": 1, "live_streaming_id": 4, "name": "Star"}, "video_updates")
_FILL = """
    with made as (insert into app_user (username) select 'fan' || n from generate_series(1, $1::integer) as n returning id),
        switches as (insert into push_setting (user_id) select id from made)
    insert into device (token, user_id, app, language) select 'token-' || id, id, 'ios', 'de-DE' from made
"""
_CALL = "select username from app_user where id = $1"


class Words:
    def render(self, kind: str, params: Mapping[str, str | int], language: str) -> Text:
        return Text("Star", "is live now", "", "/watch/4")


async def run(quick: bool) -> None:
    heading("push", quick)
    rounds = 2 if quick else 5
    with running_postgres(_migrate) as postgres:
        async with postgres.database() as dsn:
            database = await open_pool(as_superuser(dsn), size=10)
            try:
                await measure(database, rounds)
            finally:
                await database.close()


async def _migrate(dsn: str) -> None:
    await migrate(dsn, server_role=SERVER)


async def measure(database: Database, rounds: int) -> None:
    step(f"{FOLLOWERS:,} users with a phone each")
    async with database.transaction(60) as connection:
        await connection.execute("set local statement_timeout = '60s'")
        await connection.execute(_FILL, FOLLOWERS)
    await database.execute("analyze")
    await store.set_services(database, [ServiceName.FCM])
    fans = [UserId(row["id"]) for row in await database.fetch("select id from app_user order by id")]
    whole, batches = [], []
    for _ in range(rounds):
        whole.append(await queued_s(database, [fans]))
        batches.append(await queued_s(database, [fans[at : at + BATCH] for at in range(0, FOLLOWERS, BATCH)]))
    await queued_s(database, [fans])
    alone = await calls_ms(database, SEND_S / 2)
    sent, busy = await sending(database)
    rows = [
        ["queued in one statement", figure(median(whole), "s", QUEUED_S), ""],
        [
            f"queued in batches of {BATCH}",
            figure(median(batches), "s", QUEUED_S),
            ratio([b / w for b, w in zip(batches, whole, strict=True)]),
        ],
        ["sent a second", figure(sent), ratio([sent / PushSettings().per_second])],
        ["a call, p50, nothing sent", figure(quantile(alone, 0.5), "ms"), ""],
        [
            "a call, p50, while sending",
            figure(quantile(busy, 0.5), "ms"),
            ratio([quantile(busy, 0.5) / quantile(alone, 0.5)], SLOWER),
        ],
        ["a call, p99, nothing sent", figure(quantile(alone, 0.99), "ms"), ""],
        [
            "a call, p99, while sending",
            figure(quantile(busy, 0.99), "ms"),
            ratio([quantile(busy, 0.99) / quantile(alone, 0.99)]),
        ],
    ]
    table(f"A live start to {FOLLOWERS:,} followers", ["", f"queued: {QUEUED_S} s", f"call's p50: {SLOWER}"], rows)


async def queued_s(database: Database, groups: list[list[UserId]]) -> float:
    await database.execute("truncate push_outbox, push_message, pgqueuer")
    began = time.perf_counter()
    for group in groups:
        async with database.transaction(60) as connection:
            await enqueue(connection, LIVE, group)
    return time.perf_counter() - began


async def calls_ms(database: Database, seconds: float) -> list[float]:
    """What a call of one query takes, on the event loop that also sends."""
    took = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        await database.fetchval(_CALL, 7)
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.005)
    return took


async def sending(database: Database) -> tuple[float, list[float]]:
    """Messages sent a second, and the calls meanwhile."""
    options = PushSettings()
    async with child("bench.push", {}) as service, new_session() as session:
        url = f"http://127.0.0.1:{service.port}"
        account = fcm_account(credentials(), f"{url}/token")
        await account.access_token()
        rules = Rules(options.per_second, options.keep_s, {})
        sender = Sender(database, [Fcm(account, url, session)], Words(), rules, PushMetrics(Metrics()), outdated)
        before = await waiting(database)
        task = asyncio.create_task(sender.send_waiting())
        took = await calls_ms(database, SEND_S)
        sent = before - await waiting(database)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return sent / SEND_S, took


async def waiting(database: Database) -> int:
    number: int = await database.fetchval("select count(*) from push_outbox")
    return number


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


async def _token(_: web.Request) -> web.Response:
    return web.json_response({"access_token": "access", "expires_in": 3599, "token_type": "Bearer"})


async def _send(request: web.Request) -> web.Response:
    json.loads(await request.read())
    return web.json_response({"name": f"projects/{PROJECT}/messages/1"})


async def serve() -> None:
    leaving = await stdin()
    await configuration(leaving)
    app = web.Application()
    app.router.add_post("/token", _token)
    app.router.add_post("/v1/projects/{project}/messages:send", _send)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    say(port=runner.addresses[0][1])
    await leaving.read()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
