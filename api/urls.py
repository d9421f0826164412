"""The addresses that we answer: absolute, and made in one place."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.streams.keys import StreamKey
from control_plane.streams.stream import Stream


@dataclass(frozen=True, slots=True)
class Urls:
    """`host` is how the client reaches us; the ports are those in use."""

    host: str
    http_port: int
    rtmp_port: int
    hls_port: int
    webrtc_port: int
    srt_port: int

    @property
    def base(self) -> str:
        return f"http://{self.host}:{self.http_port}"

    def static(self, path: str) -> str:
        return f"{self.base}/static/{path}"

    def media(self, path: str) -> str:
        """A file of a video or sound; "" when there is none."""
        if not path or path.startswith(("http://", "https://")):
            return path
        return f"{self.base}/media/{path}"

    def gift_picture(self, file: str) -> str:
        return self.static(f"gifts/{file}")

    def websocket(self, stream_id: int | str) -> str:
        return f"ws://{self.host}:{self.http_port}/ws/live/{stream_id}"

    def watch(self, stream_id: int) -> str:
        return f"{self.base}/watch/{stream_id}"

    def playback(self, path: str) -> str:
        return f"http://{self.host}:{self.hls_port}/{path}/index.m3u8"

    def webrtc(self, path: str) -> str:
        """Below it are `/whip` and `/whep`."""
        return f"http://{self.host}:{self.webrtc_port}/{path}"

    def whep(self, path: str) -> str:
        return f"{self.webrtc(path)}/whep"

    @property
    def rtmp_server(self) -> str:
        """The split form, as OBS wants it: server and key apart. All our paths begin with `live/`."""
        return f"rtmp://{self.host}:{self.rtmp_port}/live"

    def obs_key(self, stream: Stream, key: StreamKey) -> str:
        return f"{stream.path.removeprefix('live/')}?token={key}"

    def rtmp(self, stream: Stream, key: StreamKey) -> str:
        return f"{self.rtmp_server}/{self.obs_key(stream, key)}"

    def whip(self, stream: Stream, key: StreamKey) -> str:
        return f"{self.webrtc(stream.path)}/whip?token={key}"

    def srt(self, stream: Stream, key: StreamKey) -> str:
        return f"srt://{self.host}:{self.srt_port}?streamid=publish:{stream.path}::{key}&pkt_size=1316"
