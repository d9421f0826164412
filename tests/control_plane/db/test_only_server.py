"""A second server on one database is refused, unless the first is gone."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.db import only_server as alone
from control_plane.db.only_server import AnotherServerRuns, OnlyServer
from tests.postgres import disconnect_everyone


async def test_a_second_server_is_refused_until_the_first_is_gone(dsn: str) -> None:
    first, second = OnlyServer(dsn), OnlyServer(dsn, wait_s=0)
    await first.take()
    with pytest.raises(AnotherServerRuns, match="LIVE_DATABASE_URL"):
        await second.take()
    patient = OnlyServer(dsn, wait_s=30)
    taking = asyncio.create_task(patient.take())
    first.close()
    await taking
    patient.close()


async def test_a_lost_lock_is_taken_again_unless_another_process_holds_it(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "LOOK_S", 0.02)
    server = OnlyServer(dsn, wait_s=0)
    await server.take()
    keeping = asyncio.create_task(server.keep())
    await disconnect_everyone(dsn)
    other = OnlyServer(dsn, wait_s=0)
    async with asyncio.timeout(20):
        while True:
            try:
                await other.take()
            except AnotherServerRuns:
                other.close()
            else:
                break
            await disconnect_everyone(dsn)
        with pytest.raises(AnotherServerRuns):
            await keeping
    other.close()
