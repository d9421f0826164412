"""The rendered configuration in the real server: what it asks, what it tells, what it logs."""

from __future__ import annotations

import asyncio
import signal
import stat
from pathlib import Path
from urllib.parse import quote

from aiohttp import ClientSession

from mediamtx.pinned import VERSION
from mediamtx.process import MediaMTXProcess
from tests.mediamtx.rig import SECRET, STREAM_KEY, Rig, config_for, listening, publishing, running, until


async def test_the_configuration_is_accepted_without_a_warning(rig: Rig) -> None:
    assert (await rig.client.info()).version == VERSION
    assert "WAR" not in rig.log
    assert "ERR" not in rig.log


async def test_the_configuration_and_the_log_are_their_owners_only(rig: Rig) -> None:
    for path in (rig.process.config_path, rig.process.log_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_publish_is_asked_for_with_the_secret_and_the_key(rig: Rig) -> None:
    async with publishing(rig.publish_url("live/7")):
        await until(lambda: bool(rig.listener.asked))
    asked = rig.listener.asked[0]
    assert (asked["action"], asked["path"], asked["protocol"]) == ("publish", "live/7", "rtmp")
    assert asked["query"] == f"token={STREAM_KEY}"
    assert rig.listener.strangers == 0


async def test_a_refused_publisher_is_put_out(rig: Rig) -> None:
    rig.listener.allow = lambda _request: False
    async with publishing(rig.publish_url("live/7")) as ffmpeg:
        assert await ffmpeg.wait() != 0
    assert rig.listener.asked
    assert not rig.listener.events


async def test_a_path_outside_the_pattern_is_refused_without_asking(rig: Rig) -> None:
    async with publishing(rig.publish_url("live/seven")) as ffmpeg:
        assert await ffmpeg.wait() != 0
    assert rig.listener.asked == []


async def test_calls_to_the_control_api_are_not_asked_for(rig: Rig) -> None:
    assert not [page async for page in rig.client.list_paths() if page]
    assert rig.listener.asked == []


async def test_hooks_tell_who_came_and_went(rig: Rig) -> None:
    async with publishing(rig.publish_url("live/7")):
        await until(lambda: rig.listener.heard("online"))
    await until(lambda: rig.listener.heard("offline"))
    online, offline = rig.listener.events
    assert online == {
        "event": "online",
        "path": "live/7",
        "source_type": "rtmpConn",
        "source_id": rig.listener.asked[0]["id"],
    }
    assert offline == online | {"event": "offline"}
    assert rig.listener.strangers == 0


async def test_a_silent_publisher_is_lost_after_the_read_timeout(mediamtx_binary: Path, tmp_path: Path) -> None:
    async with (
        running(mediamtx_binary, tmp_path, read_timeout_s=3) as rig,
        publishing(rig.publish_url("live/7")) as ffmpeg,
    ):
        await until(lambda: rig.listener.heard("online"))
        ffmpeg.send_signal(signal.SIGSTOP)
        await until(lambda: rig.listener.heard("offline"), 5)


async def test_a_live_path_is_played_as_low_latency_hls_by_any_page(rig: Rig) -> None:
    url = f"http://127.0.0.1:{rig.config.hls_port}/live/7/index.m3u8"
    async with publishing(rig.publish_url("live/7")), ClientSession() as session, asyncio.timeout(15):
        while True:
            async with session.get(url, headers={"Origin": "https://watch.example"}) as response:
                if response.status == 200:
                    playlist = await response.text()
                    break
            await asyncio.sleep(0.05)
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "#EXT-X-STREAM-INF" in playlist
    assert "read" in {asked["action"] for asked in rig.listener.asked}


async def test_stopping_the_server_still_tells_that_publishers_went(rig: Rig) -> None:
    async with publishing(rig.publish_url("live/7")):
        await until(lambda: rig.listener.heard("online"))
        await rig.process.stop()
    assert rig.listener.heard("offline")


async def test_neither_secret_nor_stream_key_is_logged(rig: Rig) -> None:
    async with publishing(rig.publish_url("live/7")):
        await until(lambda: rig.listener.heard("online"))
    await until(lambda: rig.listener.heard("offline"))
    assert "live/7" in rig.log
    assert STREAM_KEY not in rig.log + str(rig.listener.events)
    assert SECRET not in rig.log


async def test_with_our_listener_down_the_log_still_holds_no_secret(mediamtx_binary: Path, tmp_path: Path) -> None:
    async with listening() as listener:
        config = config_for(tmp_path, listener.url)
        process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "mediamtx")
        await process.start()
    try:
        url = f"rtmp://127.0.0.1:{config.rtmp_port}/live/7?token={STREAM_KEY}"
        async with publishing(url) as ffmpeg:
            assert await ffmpeg.wait() != 0
    finally:
        await process.stop()
    log = process.log_path.read_text()
    assert "refused" in log
    assert SECRET not in log
    assert quote(SECRET, safe="") not in log
    assert STREAM_KEY not in log
