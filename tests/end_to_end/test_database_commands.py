"""`stagedoor database`, as in `docs/operations.md`."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.test_operators import acts, done

pytestmark = pytest.mark.timeout(180)


def backed_up(data_dir: Path) -> Callable[[], None]:
    """Copy the data of a stopped server; returns a function that restores it."""
    home, noted = (data_dir / "postgres").resolve(), data_dir / "incarnation.json"
    subprocess.run(["cp", "-a", home / "cluster", home / "backup"], check=True, timeout=60)
    said = noted.read_bytes()

    def put_back() -> None:
        shutil.rmtree(home / "cluster")
        (home / "backup").rename(home / "cluster")
        noted.write_bytes(said)

    return put_back


async def test_a_copy_of_the_data_directory_put_back(empty: Stagedoor) -> None:
    """It cannot be told from the original: an operator says so."""
    empty.set(dev="0")
    await empty.start()
    await done(empty, "users", "add", "anna")
    anna = await done(empty, "token", "anna")
    await empty.stop()
    put_back = backed_up(empty.data_dir)

    await empty.start()
    late_id = await done(empty, "users", "add", "late")
    late = await done(empty, "token", "late")
    assert (await empty.done("api/showUserDetail", late))["User"]["username"] == "late"
    status, output = await empty.command("database", "renew", "--yes")
    assert (status, "A server uses this database. Stop it first." in output) == (1, True), output
    await empty.stop()
    put_back()

    status, output = await empty.command("database", "renew")
    assert status != 0, "nobody said yes"
    status, output = await empty.command("database", "renew", "--yes")
    assert status == 0, output
    assert "Users whose sessions have ended: 1." in output
    await empty.start()
    assert await done(empty, "users", "add", "victim") == late_id
    for ended in (anna, late):
        assert (await empty.call("api/liveStream", ended))["code"] == 401
    again = await done(empty, "token", "anna")
    assert (await empty.done("api/showUserDetail", again))["User"]["username"] == "anna"
    assert [act for act, _ in await acts(empty) if act.startswith("database")] == ["database.renewed"]
    assert "database_restored" not in empty.log


async def test_from_development_mode_into_production(stopped: Stagedoor) -> None:
    await stopped.start()
    tokens = [await stopped.sign_in(name) for name in ("boss", "ada", "zoe")]
    boss, ada, zoe = tokens
    await done(stopped, "users", "operator", "boss")
    receipt = await stopped.call("sandbox/purchases", zoe, coin=100)
    await stopped.done("api/purchaseCoin", zoe, transaction_id=receipt["transaction_id"], coin=100, price="$0.99")
    stream = await stopped.go_live(boss)
    await stopped.done("api/sendGift", ada, receiver_id=stream["user_id"], gift_id=1, gift_count=5)
    await stopped.stop()

    stopped.set(dev="0")
    await stopped.spawn()
    assert stopped.process is not None
    assert await stopped.process.wait() == 1
    assert "`stagedoor database production`" in re.sub(r"\s+", " ", stopped.log)
    status, output = await stopped.command("database", "production")
    assert status != 0, "nobody said yes"
    status, output = await stopped.command("database", "production", "--yes")
    assert status == 0, output
    assert "No longer operators: boss." in output
    assert "Coins taken back: 400100, from 42 users." in output

    await stopped.start()
    assert [(await stopped.call("api/liveStream", token))["code"] for token in tokens] == [401, 201, 401], (
        "ada is blocked"
    )
    assert (await stopped.call("api/registerUser", auth_token="dev:boss"))["code"] == 201
    assert (await stopped.call("api/showRelatedVideos", starting_point=0))["msg"] == [], "no demo videos"
    known = [await done(stopped, "token", name) for name in ("zoe", "boss")]
    for token in known:
        user: dict[str, Any] = (await stopped.done("api/showUserDetail", token))["User"]
        assert (int(user["wallet"]), user["role"]) == (0, "user")
    status, output = await stopped.command("database", "production", "--yes")
    assert (status, "A server uses this database" in output) == (1, True), output
    await stopped.stop()
    status, output = await stopped.command("database", "production", "--yes")
    assert (status, "nothing was changed" in output) == (0, True), output
