"""Misconfigured encoders: a stream key in the wrong place, in many forms, with the real MediaMTX."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.rtmp import publish_attempt

pytestmark = pytest.mark.timeout(180)

REFUSED = b"NetStream.Publish.Unauthorized"


async def test_a_wrong_path_is_refused_with_a_status_and_a_line(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("wilma"))
    name, port = stream["stream_key"].encode(), stagedoor.run["rtmp_port"]
    rtmp = [publish_attempt("127.0.0.1", port, app, name) for app in (b"live/", b"elsewhere", b"LIVE", b"")]
    for answer in await asyncio.gather(*rtmp):
        assert REFUSED in answer
    for path in (f"live//{stream['id']}", f"elsewhere/{stream['id']}", f"LIVE/{stream['id']}"):
        assert _refusal(stagedoor, path=path, action="publish", protocol="rtmp")

    await _srt(stagedoor, f"publish:elsewhere/7:user:{name.decode().partition('=')[2]}")
    assert _refusal(stagedoor, path="elsewhere/7", action="publish", protocol="srt")

    webrtc, hls = (f"http://127.0.0.1:{stagedoor.run[port]}" for port in ("webrtc_port", "hls_port"))
    offer: dict[str, Any] = {"data": "v=0", "headers": {"Content-Type": "application/sdp"}}
    async with stagedoor.session.post(f"{webrtc}/elsewhere/8/whip", **offer) as response:
        assert response.status == 401
    async with stagedoor.session.get(f"{hls}/elsewhere/9/index.m3u8") as response:
        assert response.status == 401
    assert _refusal(stagedoor, path="elsewhere/8", action="publish", protocol="webrtc")
    assert _refusal(stagedoor, path="elsewhere/9", action="read", protocol="hls")
    assert (await stagedoor.streams())[stream["id"]] == "created"


def _refusal(stagedoor: Stagedoor, **fields: str) -> bool:
    wanted = {"access_refused", "why=unknown_stream", *(f"{name}={value}" for name, value in fields.items())}
    return any(wanted <= set(line.split()) for line in stagedoor.log.splitlines())


async def test_a_key_in_a_wrong_place_is_in_no_log(stopped: Stagedoor) -> None:
    stagedoor = stopped
    stagedoor.set(log_level="debug", access_log="1")
    await stagedoor.start()
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    id_, key = stream["id"], stream["stream_key"].partition("token=")[2]
    await asyncio.gather(
        *(_srt(stagedoor, stream_id) for stream_id in srt_ids(id_, key)),
        *(_rtmp(stagedoor, app, name) for app, name in rtmp_names(id_, key)),
        _rtmp(stagedoor, f"live/{key}", "7", first=b"publish"),
        *(_http(stagedoor, method, url, **options) for method, url, options in http_requests(stagedoor, id_, key)),
    )
    assert await stagedoor.streams() == {id_: "created"}, "all are refused"
    await stagedoor.stop()
    files = [stagedoor.log_path, *(path for path in stagedoor.data_dir.rglob("*log*") if path.is_file())]
    assert {"mediamtx.log", "postgres.log"} <= {path.name for path in files}
    written = {path.name: path.read_text(errors="replace") for path in files}
    assert "access_refused" in written[stagedoor.log_path.name]
    for name, text in written.items():
        for part in (key[:20], key[16:36], key[-20:]):
            assert part not in text, name


def srt_ids(id_: int, key: str) -> list[str]:
    return [
        f"publish:live/{id_}::{key}:x:y:z",
        f"PUBLISH:live/{id_}::{key}",
        f"live/{id_}?token={key}",
        f"publish:live/{id_}?token={key}",
        f"publish:live/{id_}/{key}",
        f"publish:{key}",
        f"#!::m={key},r=live/{id_}",
        f"#!::m=publish,r=live/{id_},{key}",
        f"#!::m=publish,r=live/{id_}:{key}",
        key,
    ]


def rtmp_names(id_: int, key: str) -> list[tuple[str, str]]:
    """RTMP app and stream name."""
    return [
        ("live", f"{id_}/{key}"),
        ("live", key),
        (f"live/{id_}/{key}", ""),
        (f"live?token={key}", str(id_)),
        ("live", f"{id_}%3Ftoken%3D{key}"),
        ("live", f"{id_}?token={key}\n"),
        ("live", f"{id_}%zz?token={key}"),
        ("live", f"{id_}:{key}"),
        ("live", f"{id_}/{key}/"),
        (f"live:{key}@x", "%"),
    ]


def http_requests(stagedoor: Stagedoor, id_: int, key: str) -> list[tuple[str, str, dict[str, Any]]]:
    webrtc, hls = (f"http://127.0.0.1:{stagedoor.run[port]}" for port in ("webrtc_port", "hls_port"))
    sdp = {"Content-Type": "application/sdp"}
    offer: dict[str, Any] = {"data": f"v=0 {key}", "headers": sdp}
    bearer: dict[str, Any] = {"data": "v=0", "headers": sdp | {"Authorization": f"Bearer {key}"}}
    return [
        ("POST", f"{webrtc}/live/{id_}/{key}/whip", offer),
        ("POST", f"{webrtc}/{key}/whip?token={key}", offer),
        ("POST", f"{webrtc}/live/{id_}%3Ftoken%3D{key}/whip", offer),
        ("POST", f"{webrtc}/elsewhere/{id_}/whip", bearer),
        ("POST", f"{webrtc}/live/{id_}/whip?token={key}", offer),  # the right place, and no offer
        ("PATCH", f"{webrtc}/live/{id_}/whip/{key}", offer),
        ("GET", f"{hls}/live/{id_}/{key}/index.m3u8", {}),
        ("GET", f"{hls}/{key}/?token={key}", {}),
        ("GET", f"{hls}/live/{id_}%3Ftoken%3D{key}/index.m3u8", {}),
        ("GET", f"{hls}/live/{id_}/{key}.mp4", {}),
    ]


async def _srt(stagedoor: Stagedoor, stream_id: str) -> None:
    url = f"srt://127.0.0.1:{stagedoor.run['srt_port']}?streamid={quote(stream_id, safe='')}&pkt_size=1316"
    async with Publisher(url) as publisher:
        assert await publisher.wait(30) != 0, stream_id


async def _rtmp(stagedoor: Stagedoor, app: str, name: str, **options: Any) -> None:
    answer = await publish_attempt("127.0.0.1", stagedoor.run["rtmp_port"], app.encode(), name.encode(), **options)
    assert b"NetStream.Publish.Start" not in answer, (app, name)


async def _http(stagedoor: Stagedoor, method: str, url: str, **options: Any) -> None:
    async with stagedoor.session.request(method, URL(url, encoded=True), **options) as response:
        assert response.status != 201, (method, url)
