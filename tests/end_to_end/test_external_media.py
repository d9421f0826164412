"""A MediaMTX that Stagedoor does not run, started with the configuration of `stagedoor mediamtx-config`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from control_plane.config.settings import MEDIAMTX_PORTS
from ffmpeg_fixtures.publisher import Publisher
from mediamtx.node.config import OTHER_PATHS
from mediamtx.obtain.binary import obtain
from tests.end_to_end.platform import STAGEDOOR, Stagedoor, local, watching
from tests.ports import free_port
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


def free_ports() -> dict[str, str]:
    return {name: str(free_port()) for name in MEDIAMTX_PORTS}


async def printed(platform: Stagedoor, *options: str) -> tuple[str, str]:
    """Standard output and standard error of `stagedoor mediamtx-config`."""
    process = await asyncio.create_subprocess_exec(
        STAGEDOOR, "mediamtx-config", *options,
        env=platform.environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, notes = await process.communicate()
    assert process.returncode == 0, notes.decode()
    return output.decode(), notes.decode()


@asynccontextmanager
async def started_by_hand(config: Path, api_url: str, answers: int = 401) -> AsyncIterator[None]:
    """The real MediaMTX in its own folder. `answers`: the status of its control API without a password."""
    with config.with_suffix(".log").open("wb") as log:
        server = await asyncio.create_subprocess_exec(
            obtain(), config, cwd=config.parent, stdout=log, stderr=log, start_new_session=True
        )
    try:
        async with ClientSession() as session:
            await until(
                lambda: listens(session, api_url, answers),
                what=f"MediaMTX by hand: {config.with_suffix('.log').read_text()}",
            )
        yield
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


async def listens(session: ClientSession, api_url: str, status: int = 401) -> bool:
    """Whether the control API answers with this status without a password. By default: it refuses."""
    try:
        async with session.get(f"{api_url}/v3/info") as response:
            return response.status == status
    except ClientError:
        return False


async def test_publishing_and_watching_through_a_mediamtx_elsewhere(stopped: Stagedoor, tmp_path: Path) -> None:
    ports = free_ports()
    api_url = f"http://127.0.0.1:{ports['mediamtx_api_port']}"
    stopped.set(**ports, mediamtx_api_url=api_url)

    hook_file = tmp_path / "its own folder" / "hook"
    hook_file.parent.mkdir()
    script = Path(__file__).parents[2] / "hooks" / "send_event.py"
    config, notes = await printed(stopped, "--hook-command", f"python3 -I -S {script} '{hook_file}'")
    hook, _ = await printed(stopped, "--hook-file")
    secret = hook.split()[1]
    assert "secret" in notes
    assert secret in config
    assert secret not in notes
    config_file = tmp_path / "mediamtx.yml"
    config_file.write_text(config)
    hook_file.write_text(hook)

    async with started_by_hand(config_file, api_url):
        await stopped.start()
        assert stopped.run["pids"]["mediamtx"] is None
        stream = await stopped.go_live(await stopped.sign_in("ada"))
        async with watching(stopped, stream["id"]) as viewer:
            async with Publisher(local(stream["rtmp_url"])[:-1]) as wrong:
                assert await wrong.wait(20) != 0
            async with Publisher(local(stream["rtmp_url"])) as publisher:
                await viewer.sees(lambda seen: seen.statuses() == ["live"])
                await until(lambda: stopped.plays(stream), what="HLS")

                async def hooked() -> bool:
                    return 'stagedoor_hook_events_total{event="online"} 1.0' in await stopped.metrics()

                await until(hooked, what="the hook of the media server")
                status, report = await stopped.command("doctor")
                assert status == 0, report
                assert "asks us who may publish and watch" in report

                assert (await stopped.command("stream", "end", str(stream["id"])))[0] == 0
                assert await publisher.wait(10) != 0
        await stopped.stop()
        async with ClientSession() as session:
            assert await listens(session, api_url), "it is not ours to stop"

        await stopped.command("secrets", "rotate", "hook")
        status, report = await stopped.command("doctor")
        assert status == 0
        assert "it answers only while this server runs" in report
        await stopped.start()
        status, report = await stopped.command("doctor")
        assert status == 0
        assert "it calls us with an older hook secret" in report


async def test_the_doctor_notices_a_configuration_of_an_earlier_release(stopped: Stagedoor, tmp_path: Path) -> None:
    ports = free_ports()
    api_url = f"http://127.0.0.1:{ports['mediamtx_api_port']}"
    stopped.set(**ports, mediamtx_api_url=api_url)
    config, _ = await printed(stopped)
    older = config.partition(f'  "{OTHER_PATHS}":')[0].replace('logLevel: "warn"', 'logLevel: "info"')
    assert older.count("\n") < config.count("\n")
    (tmp_path / "older.yml").write_text(older)
    open_api = older.replace("authHTTPExclude: [", 'authHTTPExclude: [{"action": "api"}, ')
    assert open_api != older
    (tmp_path / "open.yml").write_text(open_api)

    async with started_by_hand(tmp_path / "older.yml", api_url):
        await stopped.start()
        status, report = await stopped.command("doctor", "--json")
        assert status == 0, report
        for words in ("earlier release", "at level info", "wrong path", "stagedoor mediamtx-config"):
            assert words in report
    async with started_by_hand(tmp_path / "open.yml", api_url, answers=200):
        status, report = await stopped.command("doctor", "--json")
        assert status == 1, report
        assert "its control API needs no password" in report
