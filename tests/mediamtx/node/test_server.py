"""The rendered configuration in the real server: its callbacks, its hooks, its log."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import ClientSession

from control_plane.base.child import Kind, account_for
from control_plane.streams.media.model import MediaPath
from mediamtx.node.process import MediaMTXProcess
from mediamtx.obtain.pinned import VERSION
from tests.end_to_end.rtmp import publish_attempt
from tests.mediamtx.rig import SECRET, STREAM_KEY, Rig, config_for, listening, publishing, running
from tests.waiting import until


async def test_the_configuration_is_accepted_without_a_warning(rig: Rig) -> None:
    assert (await rig.client.info()).version == VERSION
    assert "WAR" not in rig.log
    assert "ERR" not in rig.log


async def test_the_log_is_ours_and_the_configuration_is_readable_by_mediamtx_too(rig: Rig) -> None:
    account = account_for(Kind.MEDIA_SERVER)
    config, log = rig.process.config_path.stat(), rig.process.log_path.stat()
    assert stat.S_IMODE(log.st_mode) == 0o600
    assert stat.S_IMODE(config.st_mode) == (0o640 if account else 0o600)
    assert account is None or (config.st_uid, config.st_gid) == (os.geteuid(), account.gid)


async def test_a_publish_is_asked_for_with_the_secret_and_the_key(rig: Rig) -> None:
    async with publishing(rig.publish_url("live/7")):
        await until(lambda: bool(rig.listener.asked))
    asked = rig.listener.asked[0]
    assert (asked["action"], asked["path"], asked["protocol"]) == ("publish", "live/7", "rtmp")
    assert asked["query"] == f"token={STREAM_KEY}"
    assert rig.listener.strangers == 0


async def test_a_refused_publisher_is_disconnected(rig: Rig) -> None:
    rig.listener.allow = lambda _request: False
    async with publishing(rig.publish_url("live/7")) as ffmpeg:
        assert await ffmpeg.wait() != 0
    assert rig.listener.asked
    assert not rig.listener.events


WRONG_NAMES = [
    (b"live", b"seven?token=%s", "live/seven"),
    (b"elsewhere", b"7?token=%s", "elsewhere/7"),
    (b"LIVE", b"7?token=%s", "LIVE/7"),
    (b"live/", b"7?token=%s", "live//7"),
    (b"live", b"/7?token=%s", "live//7"),
    (b"live", b"7/%s", f"live/7/{STREAM_KEY}"),
    (b"live", b"%s", f"live/{STREAM_KEY}"),
    (b"", b"7?token=%s", "7"),
]
"""App and name in RTMP, and the path that MediaMTX makes of them."""


async def paths(rig: Rig) -> list[MediaPath]:
    return [path async for page in rig.client.list_paths() for path in page]


async def test_rtmp_to_a_wrong_path_is_asked_for_and_refused_with_a_status(rig: Rig) -> None:
    rig.listener.allow = lambda _request: False
    attempts = [
        publish_attempt("127.0.0.1", rig.config.rtmp_port, app, name.replace(b"%s", STREAM_KEY.encode()))
        for app, name, _ in WRONG_NAMES
    ]
    for answer in await asyncio.gather(*attempts):
        assert b"NetStream.Publish.Unauthorized" in answer
    asked = sorted((asked["action"], asked["protocol"], asked["path"].lstrip("/")) for asked in rig.listener.asked)
    assert asked == sorted(("publish", "rtmp", path) for _, _, path in WRONG_NAMES)
    assert await paths(rig) == []
    assert STREAM_KEY not in rig.log


async def test_whip_and_hls_of_a_wrong_path_are_asked_for_and_refused_with_a_status(rig: Rig) -> None:
    rig.listener.allow = lambda _request: False
    whip = f"http://127.0.0.1:{rig.config.webrtc_port}"
    hls = f"http://127.0.0.1:{rig.config.hls_port}"
    offer: dict[str, Any] = {"data": "v=0", "headers": {"Content-Type": "application/sdp"}}
    async with ClientSession() as session:

        async def status(method: str, url: str, **options: Any) -> int:
            async with session.request(method, url, **options) as response:
                return response.status

        answered = await asyncio.gather(
            status("POST", f"{whip}/elsewhere/7/whip?token={STREAM_KEY}", **offer),
            status("POST", f"{whip}/live/7/{STREAM_KEY}/whip", **offer),
            status("POST", f"{whip}/elsewhere/7/whep", **offer),
            status("OPTIONS", f"{whip}/elsewhere/7/whip"),
            status("GET", f"{hls}/elsewhere/7/index.m3u8"),
            status("GET", f"{hls}/elsewhere/7/"),
        )
    assert set(answered) == {401}
    asked = sorted((asked["action"], asked["protocol"], asked["path"]) for asked in rig.listener.asked)
    assert asked == [
        *[("publish", "webrtc", "elsewhere/7")] * 2,
        ("publish", "webrtc", f"live/7/{STREAM_KEY}"),
        *[("read", "hls", "elsewhere/7")] * 2,
        ("read", "webrtc", "elsewhere/7"),
    ]
    assert await paths(rig) == []


async def test_no_hook_is_run_for_a_wrong_path(rig: Rig) -> None:
    """Not even for a publisher who should be let in: here everybody is."""
    async with publishing(rig.publish_url("elsewhere/7")):

        async def is_online() -> bool:
            return any(path.online for path in await paths(rig))

        await until(is_online)
        async with publishing(rig.publish_url("live/7")):
            await until(lambda: rig.listener.heard("online"))
    await until(lambda: rig.listener.heard("offline"))
    assert {event["path"] for event in rig.listener.events} == {"live/7"}


async def test_calls_to_the_control_api_are_not_asked_for(rig: Rig) -> None:
    assert await paths(rig) == []
    assert rig.listener.asked == []


async def test_hooks_report_publishers_that_connect_and_disconnect(rig: Rig) -> None:
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
        await until(lambda: rig.listener.heard("offline"), 7.5)


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


async def test_neither_secret_nor_stream_key_is_logged(mediamtx_binary: Path, tmp_path: Path) -> None:
    """Of who behaves well not even at the level that quotes clients."""
    async with running(mediamtx_binary, tmp_path, log_level="info") as rig:
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
