"""WHIP and WHEP with aiortc, at the addresses in the answers."""

from __future__ import annotations

import pytest

from ffmpeg_fixtures.publisher import Publisher
from ffmpeg_fixtures.webrtc import WebRTCRefused, WhepViewer, WhipPublisher
from tests.end_to_end.platform import Stagedoor, local, watching
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

LONGEST_END_S = 60.0
"""One UDP packet reports the end. If a busy machine loses it, ICE's consent expires after at most 36 s."""


async def test_what_is_published_by_whip_is_seen_and_heard_by_whep_and_hls(stagedoor: Stagedoor) -> None:
    host = await stagedoor.sign_in("wanda")
    stream = await stagedoor.go_live(host)
    async with (
        watching(stagedoor, stream["id"]) as socket,
        WhipPublisher(local(stream["whip_url"]), width=320, height=240),
    ):
        await socket.sees(lambda seen: seen.statuses() == ["live"], what="live")
        async with WhepViewer(local(stream["whep_url"])) as viewer:
            await until(lambda: viewer.pictures > 5 and viewer.sounds > 5, what="picture and sound by WHEP")
            assert viewer.size == (320, 240)
            await until(lambda: stagedoor.plays(stream), what="HLS")
            await stagedoor.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")
            await until(lambda: viewer.over, LONGEST_END_S, what="the end of the viewer's connection")


async def test_webrtc_refuses_wrong_keys_and_private_streams(stagedoor: Stagedoor) -> None:
    public = await stagedoor.go_live(await stagedoor.sign_in("walt"))
    private = await stagedoor.go_live(await stagedoor.sign_in("wenda"), visibility="private")
    for refused in (
        WhipPublisher(local(public["whip_url"][:-1] + "!")),
        WhipPublisher(local(public["whip_url"].partition("?")[0])),
        WhepViewer(local(private["whep_url"])),
    ):
        with pytest.raises(WebRTCRefused, match="401"):
            async with refused:
                pass
    async with Publisher(local(public["rtmp_url"])):
        await stagedoor.becomes(public["id"], "live")
        async with WhepViewer(local(public["whep_url"])) as viewer:
            await until(lambda: viewer.pictures > 10, what="pictures by WHEP")
            assert viewer.sounds == 0, "RTMP brings AAC, which does not go out over WebRTC"
