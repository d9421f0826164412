"""Revoked keys: encoders that reconnect constantly while a key is rotated, revoked, ended or banned are all refused or disconnected.

An admitted connection must be closed soon after its key was revoked. A refusal may take longer: MediaMTX calls the auth
callback for one connection after the other, so each waits for all before it.

KNOCK_ROUNDS is the number of keys that are taken away: a few in `make test`, a thousand in `make rehearse`.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from itertools import cycle, islice
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from control_plane.db.embedded import running_dsn
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.rtmp import Publishing, publishing
from tests.end_to_end.template import Template
from tests.waiting import in_background, until

ROUNDS = int(os.environ.get("KNOCK_ROUNDS", "20"))
ABREAST = 20
KNOCKERS = 5
"""Encoders per key."""
CLOSED_WITHIN_S = 5.0
"""Bound for closing every connection that a revoked key admitted, on a machine with a hundred encoders that reconnect
constantly and up to twenty commands: a call to MediaMTX that misses its deadline, a pause, and a second call."""
REFUSED_WITHIN_S = 60.0
"""Bound for refusing the others: MediaMTX delays each refusal by up to four seconds, after those before it."""
SILENT_S = 5.0
"""Shorter than MediaMTX's read timeout, after which it closes a silent connection by itself."""

pytestmark = pytest.mark.timeout(3600)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(template: Template) -> AsyncIterator[Stagedoor]:
    async with template.started() as platform:
        yield platform


class Crowd:
    """Encoders with one key. Each reconnects until it is refused. The last admitted connection of each sends its
    picture a moment later, while or after the key is revoked."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key.encode()
        self.admitted = 0
        self.closed_at = 0.0
        """When the server last closed an admitted connection."""
        self.published = self.publishing = 0

    async def knock(self) -> None:
        """Return when all were refused and the server has closed all admitted connections."""
        async with asyncio.TaskGroup() as encoders:
            for _ in range(KNOCKERS):
                encoders.create_task(self._encoder(encoders))

    async def _encoder(self, encoders: asyncio.TaskGroup) -> None:
        last: asyncio.Task[None] | None = None
        while True:
            asked: asyncio.Future[Publishing] = asyncio.get_running_loop().create_future()
            attempt = encoders.create_task(self._attempt(asked))
            connection = await asked
            if connection.admitted:
                if last is not None:
                    last.cancel()
                last = attempt
                self.admitted += 1
            elif connection.answered:
                return
            await asyncio.sleep(random.uniform(0.01, 0.04))

    async def _attempt(self, asked: asyncio.Future[Publishing]) -> None:
        async with publishing("127.0.0.1", self._port) as connection:
            with suppress(OSError, EOFError):  # closed without an answer, which may have waited for too long
                await connection.ask(b"live", self._key)
            asked.set_result(connection)
            if not connection.admitted:
                return
            await asyncio.sleep(random.uniform(0.05, 0.2))
            self.published += 1
            self.publishing += 1
            connection.send_picture()
            await connection.closed_by_the_server()
            self.closed_at = asyncio.get_running_loop().time()
            self.publishing -= 1


Deny = Callable[[Stagedoor, str, dict[str, Any]], Awaitable[object]]


async def by_rotating(platform: Stagedoor, host: str, stream: dict[str, Any]) -> None:
    await platform.done("api/liveStream", host, id=stream["id"], rotate_key=1)


async def by_ending(platform: Stagedoor, host: str, stream: dict[str, Any]) -> None:
    await platform.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")


def by_command(*words: str) -> Deny:
    async def deny(platform: Stagedoor, _host: str, stream: dict[str, Any]) -> None:
        status, output = await platform.command(*words[:2], str(stream["id"]), *words[2:])
        assert status == 0, output

    return deny


WAYS: tuple[tuple[Deny, bool], ...] = (
    (by_rotating, True),
    (by_ending, False),
    (by_rotating, True),
    (by_command("stream", "revoke"), True),
    (by_ending, False),
    (by_rotating, True),
    (by_command("stream", "rotate"), True),
    (by_ending, False),
    (by_rotating, True),
    (by_command("stream", "ban", "--yes"), False),
)
"""The action, and whether the stream continues."""


async def test_no_publisher_stays_that_connects_while_its_key_is_revoked(platform: Stagedoor) -> None:
    rounds = islice(enumerate(cycle(WAYS)), ROUNDS)
    published = 0

    async def deny_again_and_again() -> None:
        nonlocal published
        for number, (deny, goes_on) in rounds:
            host = await platform.sign_in(f"host{number}")
            stream = await platform.go_live(host)
            crowd = Crowd(platform.run["rtmp_port"], stream["stream_key"])
            async with in_background(crowd.knock()) as knocking:
                await until(lambda crowd=crowd: crowd.admitted >= KNOCKERS, 60, what="knocks")  # type: ignore[misc]
                await deny(platform, host, stream)
                revoked_at = asyncio.get_running_loop().time()
                await asyncio.wait([knocking], timeout=REFUSED_WITHIN_S)
                assert knocking.done(), f"after {deny}: {crowd.publishing} of them publish"
            assert crowd.closed_at - revoked_at < CLOSED_WITHIN_S, f"after {deny}"
            published += crowd.published
            if goes_on:
                await platform.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")

    async with asyncio.TaskGroup() as abreast:
        for _ in range(ABREAST):
            abreast.create_task(deny_again_and_again())
    assert published >= ROUNDS


async def test_no_publisher_stays_that_connects_while_the_commit_takes_seconds(platform: Stagedoor) -> None:
    host = await platform.sign_in("slow")
    stream = await platform.go_live(host)
    crowd = Crowd(platform.run["rtmp_port"], stream["stream_key"])
    dsn = running_dsn(platform.data_dir)
    assert dsn is not None
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("select from stream where id = $1 for update", stream["id"])
            rotating = asyncio.create_task(by_rotating(platform, host, stream))
            knocking = asyncio.create_task(crowd.knock())
            await asyncio.sleep(3)  # the slow commit itself is what is tested
            assert crowd.admitted > KNOCKERS
            assert not rotating.done()
    finally:
        await connection.close()
    await rotating
    async with asyncio.timeout(REFUSED_WITHIN_S):
        await knocking
    assert crowd.published


@pytest.mark.parametrize("deny", [by_rotating, by_ending, by_command("stream", "revoke")])
async def test_an_admitted_connection_without_media_is_closed_when_its_key_is_revoked(
    platform: Stagedoor, deny: Deny
) -> None:
    """It is on no path, so a listing of paths does not show it."""
    host = await platform.sign_in("silent")
    stream = await platform.go_live(host)
    async with publishing("127.0.0.1", platform.run["rtmp_port"]) as connection:
        await connection.ask(b"live", stream["stream_key"].encode())
        assert connection.admitted
        await deny(platform, host, stream)
        async with asyncio.timeout(SILENT_S):
            await connection.closed_while_silent()
