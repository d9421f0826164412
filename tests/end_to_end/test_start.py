"""Start-up, refusals to start, and shutdown of `stagedoor run`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path

import aiohttp
import pytest

from control_plane.db.embedded import running_dsn
from control_plane.db.pool import connect
from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor, hanging, local, watching
from tests.postgres import TestPostgres, as_owner
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

WARM_START_S = 20.0  # a safety net: it takes one second, but not while other tests have both cores


async def refused(platform: Stagedoor) -> str:
    """Start a server that must refuse; returns its error message. Nothing may be left running."""
    await platform.spawn()
    assert platform.process is not None
    async with asyncio.timeout(60):
        assert await platform.process.wait() == 1
    assert platform.processes() == []
    last = re.sub(r"\s+", " ", platform.log).strip()
    assert "Traceback" not in last
    return last[last.rindex("stagedoor:") :]


async def test_ctrl_c_stops_everything_in_order(own: Stagedoor) -> None:
    stream = await own.go_live(await own.sign_in("ada"))
    async with watching(own, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])):
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        assert await own.stop(signal.SIGINT) == 0
        await viewer.sees(lambda seen: seen.close_code == 1001)
    assert own.processes() == []
    assert not (own.data_dir / "run.json").exists()
    assert "Traceback" not in own.log


async def test_ctrl_c_before_it_is_ready_stops_everything_too(empty: Stagedoor) -> None:
    await empty.spawn()
    await until(lambda: "Starting PostgreSQL" in empty.log, what="half a start")
    assert await empty.stop() in (130, 0)
    assert empty.processes() == []


async def test_a_second_start_is_warm_and_keeps_everything(own: Stagedoor) -> None:
    token = await own.sign_in("newcomer")

    async def feed() -> list[tuple[int, int]]:
        shown = await own.done("api/showRelatedVideos", starting_point=0)
        return [(entry["Video"]["id"], entry["User"]["id"]) for entry in shown]

    before = await feed()
    secrets = (own.data_dir / "secrets.json").read_bytes()
    await own.stop()
    started = time.monotonic()
    await own.start()
    assert time.monotonic() - started < WARM_START_S
    assert (own.data_dir / "secrets.json").read_bytes() == secrets
    assert (await own.done("api/showUserDetail", token))["User"]["username"] == "newcomer"
    assert len(before) == 10
    assert await feed() == before


async def test_a_job_that_came_due_while_no_server_ran_is_run_at_the_next_start(own: Stagedoor) -> None:
    leftover = own.data_dir / "media" / "thumbnails" / "4711.jpg"
    leftover.parent.mkdir(exist_ok=True)
    leftover.touch()
    dsn = running_dsn(own.data_dir)
    assert dsn is not None
    connection = await connect(dsn)
    due = "update pgqueuer_schedules set next_run = now() where entrypoint = 'delete_old_thumbnails'"

    async def is_due() -> bool:
        """Make the schedule due. False until the first start has stored it."""
        return await connection.execute(due) == "UPDATE 1"

    await until(is_due, what="the schedule")
    await connection.close()
    await own.stop()
    await own.start()
    await until(lambda: not leftover.exists(), what="the job")
    assert "Traceback" not in own.log


async def test_the_run_file_tells_scripts_what_runs_where(stagedoor: Stagedoor) -> None:
    run = stagedoor.run
    assert set(run["pids"]) == {"control_plane", "mediamtx", "postgres"}
    assert set(run["api_keys"]) == {"ios", "ios_upload", "android", "android_kt", "document"}
    assert {name for name in run if name.endswith("_port")} == {
        *("http_port", "rtmp_port", "hls_port", "webrtc_port", "webrtc_udp_port", "srt_port"),
        *("mediamtx_api_port", "hooks_port"),
    }
    for private in ("run.json", "secrets.json"):
        assert stat.S_IMODE((stagedoor.data_dir / private).stat().st_mode) == 0o600, private
    for of_mediamtx in ("hook", "conf/mediamtx.yml"):  # root's is another user, which reads by its group
        mode = stat.S_IMODE((stagedoor.data_dir / "mediamtx" / of_mediamtx).stat().st_mode)
        assert mode == (0o640 if os.geteuid() == 0 else 0o600), of_mediamtx


async def test_hooks_are_not_on_the_public_listener(stagedoor: Stagedoor) -> None:
    for path in ("/hooks/auth", "/hooks/event", "/hooks"):
        async with stagedoor.session.post(stagedoor.url(path), json={}) as response:
            assert response.status == 404
            assert "code" not in await response.text()


async def test_a_port_in_use(empty: Stagedoor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        empty.set(rtmp_port=str(port))
        sentence = await refused(empty)
    assert str(port) in sentence
    assert "LIVE_RTMP_PORT" in sentence


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("http_prot", "8080", "Did you mean LIVE_HTTP_PORT?"),
        ("http_port", "many", "LIVE_HTTP_PORT must be a whole number."),
        ("grace_s", "3600", "LIVE_GRACE_S must be between 0 and 1800."),
        ("bind", "0.0.0.0", "refuses to run on a public address"),
        ("public_host", "live.example.com", "refuses to run on a public address"),
        ("database_url", "postgresql://nobody@127.0.0.1:9/none", "database cannot be reached"),
        ("mediamtx_bin", "/bin/true", "LIVE_MEDIAMTX_BIN=/bin/true is not an executable of MediaMTX"),
        ("data_dir", "/proc/stagedoor", "The data directory /proc/stagedoor cannot be used"),
    ],
)
async def test_a_wrong_setting_is_refused_in_one_sentence(
    empty: Stagedoor, setting: str, value: str, says: str
) -> None:
    empty.set(**{setting: value})
    assert says in await refused(empty)


async def test_another_server_in_the_same_data_directory(own: Stagedoor) -> None:
    status, output = await own.command("run")
    assert status == 1
    assert "Another server runs in" in re.sub(r"\s+", " ", output)
    assert await own.readiness() == 200


async def test_a_database_that_is_newer_than_the_code(empty: Stagedoor, postgres: TestPostgres) -> None:
    async with postgres.database() as dsn:
        await postgres.execute_in(as_owner(dsn), "insert into schema_migration (version, name) values (9999, 'later')")
        empty.set(database_url=dsn)
        assert "start the newer release" in await refused(empty)


async def test_other_secrets_than_the_database_knows(empty: Stagedoor, postgres: TestPostgres) -> None:
    async with postgres.database() as dsn:
        empty.set(database_url=dsn)
        await empty.start()
        await empty.stop()
        (empty.data_dir / "secrets.json").unlink()
        assert "does not belong to this database" in await refused(empty)


async def test_without_dev_nothing_is_free(empty: Stagedoor) -> None:
    empty.set(dev="0")
    await empty.start()
    signed_up = await empty.call("api/registerUser", username="eve", social="google", social_id="1")
    assert signed_up["code"] == 201
    assert (await empty.call("api/registerUser", auth_token="dev:ada"))["code"] == 201
    assert (await empty.call("api/liveStream", user_id="1", started_at="2026-01-31 12:00:00"))["code"] == 401
    assert (await empty.call("sandbox/purchases", coin=100))["code"] == 404
    assert (await empty.call("api/showRelatedVideos"))["msg"] == []
    assert len(await empty.done("api/showGifts")) >= 12
    assert len((await empty.done("api/showCoinWorth"))["CoinPackages"]) >= 3


async def test_no_secret_is_in_any_log_or_command_line(stagedoor: Stagedoor) -> None:
    host = await stagedoor.sign_in("sela")
    stream = await stagedoor.go_live(host)
    key = stream["stream_key"].split("=")[1]
    async with Publisher(local(stream["rtmp_url"]) + "x") as wrong:
        await wrong.wait(20)
    async with watching(stagedoor, stream["id"], token=host) as viewer:
        async with Publisher(local(stream["rtmp_url"])):
            await viewer.sees(lambda seen: seen.statuses() == ["live"])
            commands = "\n".join(stagedoor.processes())
        await viewer.sees(lambda seen: "interrupted" in seen.statuses())
    stored = json.loads((stagedoor.data_dir / "secrets.json").read_text())
    secrets = {entry["secret"] for ring in stored.values() if isinstance(ring, list) for entry in ring}
    written = "\n".join(path.read_text(errors="replace") for path in logs(stagedoor)) + commands
    assert "access_refused" in written
    for secret in {key, host, *secrets}:
        assert secret not in written


def logs(stagedoor: Stagedoor) -> list[Path]:
    found = [stagedoor.log_path, *stagedoor.data_dir.rglob("*.log")]
    assert len(found) >= 3
    return found


async def test_commands_act_on_the_running_server(stagedoor: Stagedoor) -> None:
    status, token = await stagedoor.command("token", "carla")
    assert status == 0
    stream = await stagedoor.go_live(token.strip().splitlines()[-1])
    async with watching(stagedoor, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])) as publisher:
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        status, output = await stagedoor.command("stream", "rotate", str(stream["id"]))
        assert status == 0, output
        assert await publisher.wait(5) != 0
        key = output.strip().splitlines()[-1]
        async with Publisher(local(f"{stream['rtmp_server']}/{key}")):
            await viewer.sees(lambda seen: seen.statuses()[-1:] == ["live"] and len(seen.statuses()) == 3)
            assert (await stagedoor.command("stream", "end", str(stream["id"])))[0] == 0
            await viewer.sees(lambda seen: seen.close_code == 4410)
    assert viewer.events()[-1]["data"]["reason"] == "operator"
    status, output = await stagedoor.command("stream", "end", str(stream["id"]))
    assert status == 1
    assert "has already ended" in output
    assert (await stagedoor.command("settings"))[0] == 0


async def test_unknown_publishers_do_not_delay_a_known_one(own: Stagedoor) -> None:
    """A thousand calls for paths that do not exist, as MediaMTX would make them, while PostgreSQL stands still."""
    url, secret = (own.data_dir / "mediamtx" / "hook").read_text().split()
    stream = await own.go_live(await own.sign_in("ada"))
    known = {"action": "publish", "path": f"live/{stream['id']}", "query": stream["stream_key"].split("?")[1]}
    strange = {"action": "publish", "path": "live/99999", "query": "token=" + "x" * 44}
    headers = {"Authorization": aiohttp.encode_basic_auth("mediamtx", secret)}

    abreast = asyncio.Semaphore(40)  # MediaMTX makes one call after the other

    async def ask(body: dict[str, str]) -> int:
        async with (
            abreast,
            own.session.post(url.replace("/event", "/auth"), json=body, headers=headers) as response,
        ):
            return response.status

    with hanging(own.run["pids"]["postgres"]):
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(ask(strange) for _ in range(1000)), ask(known))
    assert set(answers[:1000]) == {401}
    assert answers[1000] == 204
