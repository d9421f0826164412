"""`stagedoor doctor`, while the server runs and while it does not."""

from __future__ import annotations

import json
import socket

import pytest

from tests.end_to_end.platform import Stagedoor, hanging

pytestmark = pytest.mark.timeout(180)


async def report(platform: Stagedoor) -> tuple[int, dict[str, dict[str, str]]]:
    """Run doctor; returns the exit status and the findings by part."""
    status, output = await platform.command("doctor", "--json")
    found = json.loads(output.strip().splitlines()[-1])
    return status, {finding["part"]: finding for finding in found}


def not_in_order(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {part: finding["state"] for part, finding in found.items() if finding["state"] != "ok"}


async def test_the_doctor_before_during_and_after_a_run(empty: Stagedoor) -> None:
    status, found = await report(empty)
    assert (status, not_in_order(found)) == (0, {})
    assert found["database"]["text"].startswith("none yet")
    assert not (empty.data_dir / "secrets.json").exists(), "it only looks"
    assert not (empty.data_dir / "postgres").exists()

    await empty.start()
    status, found = await report(empty)
    assert (status, not_in_order(found)) == (0, {})
    assert found["server"]["text"] == "running and ready"
    assert {"schema", "secrets of the database", "MediaMTX running", "hooks"} <= found.keys()
    with hanging(empty.run["pids"]["mediamtx"]):
        status, found = await report(empty)
    assert status == 1
    assert found["MediaMTX running"]["state"] == "broken"

    await empty.kill()
    status, found = await report(empty)
    assert (status, not_in_order(found)) == (0, {})
    assert "killed server left running" in found["ports"]["text"]
    assert found["schema"]["state"] == "ok", "the database that empty with it was started to be looked at"
    (empty.data_dir / "secrets.json").unlink()
    _, found = await report(empty)
    assert not_in_order(found) == {"secrets of the database": "broken"}


async def test_what_the_doctor_finds_wrong_it_says_what_to_do_about(empty: Stagedoor) -> None:
    (empty.data_dir / "secrets.json").write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        empty.set(
            dev="0",
            rtmp_port=str(taken.getsockname()[1]),
            database_url="postgresql://nobody:geheim@127.0.0.1:9/none",
            mediamtx_bin="/bin/true",
            public_url="https://live.example.com",
            public_host="live.example.com",
        )
        status, found = await report(empty)
    assert status == 1
    assert not_in_order(found) == {
        "settings": "warning",
        "secrets": "broken",
        "ports": "broken",
        "database": "broken",
        "MediaMTX": "broken",
        "mail": "warning",
        "push to phones": "warning",
    }
    assert "LIVE_TRUSTED_PROXIES" in found["settings"]["advice"]
    assert "LIVE_RTMP_PORT" in found["ports"]["text"]
    assert "LIVE_DATABASE_URL" in found["database"]["advice"]
    assert "LIVE_MEDIAMTX_BIN" in found["MediaMTX"]["advice"]
    assert "geheim" not in json.dumps(found)


async def test_a_setting_that_cannot_be_is_all_that_the_doctor_speaks_of(empty: Stagedoor) -> None:
    empty.set(http_prot="8080")
    status, output = await empty.command("doctor")
    assert status == 1
    assert "Did you mean LIVE_HTTP_PORT?" in " ".join(output.split())
