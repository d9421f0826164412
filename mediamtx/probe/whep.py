"""Probe a stream by WHEP, which shows the current media without a buffer in between.

MediaMTX v1.20.1 answers 400 if the client supports none of the stream's codecs (aiortc lacks HEVC, AV1 and VP9). It
closes the connection at the first B-frame of an H264 stream.
"""

from __future__ import annotations

import asyncio

import av
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import SessionDescription

from mediamtx.probe.http import ask
from mediamtx.probe.received import SILENCE_S, Broken, NothingFlows, NotThisWay, Received, Unanswered

CONNECT_S = 3.0
AUDIO_S = 0.5
_LISTEN_S = 0.1
_CREATED = 201
_FRAMES = 2
"""Pictures to receive. One could be the last before a stall, or before a B-frame that closes the connection."""


async def receive(url: str, key: str, until_s: float) -> Received:
    """Returns at `until_s` at the latest (monotonic clock, also the loop's). Raises ProbeError."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))  # the default would ask a public STUN server
    answered = False
    try:
        async with asyncio.timeout_at(until_s):
            video, audio = await _connect(connection, url, key, until_s)
            answered = True
            codecs = _codecs(connection)
            frame = await _frame(connection, video.receiver)
            return Received(frame, codecs.get("video", ""), await _hears(audio.receiver, codecs.get("audio", "")))
    except TimeoutError:
        raise (NotThisWay("no picture in time") if answered else Unanswered("no answer in time")) from None
    finally:
        await connection.close()


async def _connect(
    connection: RTCPeerConnection, url: str, key: str, until_s: float
) -> tuple[RTCRtpTransceiver, RTCRtpTransceiver]:
    video = connection.addTransceiver("video", direction="recvonly")
    audio = connection.addTransceiver("audio", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    left_s = until_s - asyncio.get_running_loop().time()
    answer = await asyncio.to_thread(ask, url, key, left_s, connection.localDescription.sdp)
    if answer.status >= 500:
        raise Broken(f"WHEP answered {answer.status}")
    if answer.status != _CREATED:
        raise NotThisWay(f"WHEP answered {answer.status}")
    try:
        await connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    except (ValueError, InvalidStateError):
        raise NotThisWay("aiortc rejects the WHEP answer") from None
    if video.currentDirection != "recvonly":
        raise NotThisWay("no video by WHEP")
    return video, audio


async def _frame(connection: RTCPeerConnection, receiver: RTCRtpReceiver) -> av.VideoFrame:
    """Receive `_FRAMES` pictures and return the last. Meanwhile, fail if no packets arrive."""
    receiving = asyncio.create_task(_receive(receiver.track))
    try:
        heard, quiet_s = 0, 0.0
        while not receiving.done():
            await asyncio.wait({receiving}, timeout=_LISTEN_S)
            packets = await _packets(receiver)
            # Silence is counted in turns, not by the clock: while this process waits for the CPU, it receives nothing.
            heard, quiet_s = packets, 0.0 if packets != heard else quiet_s + _LISTEN_S
            if quiet_s > CONNECT_S and connection.connectionState != "connected":
                raise NotThisWay("no WebRTC connection")
            if quiet_s > SILENCE_S:
                raise NothingFlows("WHEP is open and silent")
        return await receiving
    except MediaStreamError:
        raise NotThisWay("WHEP was closed") from None
    finally:
        receiving.cancel()


async def _receive(track: MediaStreamTrack) -> av.VideoFrame:
    for _ in range(_FRAMES):
        frame = await track.recv()
    assert isinstance(frame, av.VideoFrame)
    return frame


async def _hears(receiver: RTCRtpReceiver, codec: str) -> bool | None:
    """Whether audio packets arrive; None if WHEP cannot carry the audio (for AAC the server sends an empty section)."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + (AUDIO_S if codec == "opus" else 0)
    while not await _packets(receiver):
        if loop.time() >= until_s:
            return False if codec == "opus" else None
        await asyncio.sleep(_LISTEN_S)
    return True


async def _packets(receiver: RTCRtpReceiver) -> int:
    report = await receiver.getStats()
    return sum(entry.packetsReceived for entry in report.values() if entry.type == "inbound-rtp")


def _codecs(connection: RTCPeerConnection) -> dict[str, str]:
    """The first codec of each kind in the server's answer, in lower case: h264, vp8, opus, …"""
    answer = SessionDescription.parse(connection.remoteDescription.sdp)
    return {
        media.kind: codecs[0]
        for media in answer.media
        if (codecs := [name for codec in media.rtp.codecs if (name := codec.name.lower()) != "rtx"])
    }
