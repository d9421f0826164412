"""Absolute URLs in answers: pages, files, live socket, playback and publish URLs; and the check of the Host header."""

from __future__ import annotations

import functools
import re
import socket
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from control_plane.base.network import is_loopback
from control_plane.base.network import is_private as is_private_address
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.storage.model import Storage, is_private, is_stored
from control_plane.streams.keys import StreamKey
from control_plane.streams.model import Stream
from control_plane.streams.path import APP
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.video import Video


class VideoFiles(NamedTuple):
    """URLs of the files of a video. "": there is no such file yet."""

    media: str
    small: str
    poster: str
    preview: str


@dataclass(frozen=True, slots=True, eq=False)  # identity equality: instances are cache keys
class Urls:
    """Builds URLs. `host` is the name or address by which clients reach this server (IPv6 in brackets), with the ports
    in use. The `public_…_url` fields replace host and port where a proxy terminates TLS."""

    host: str
    http_port: int
    rtmp_port: int
    hls_port: int
    webrtc_port: int
    srt_port: int
    public_url: str = ""
    public_hls_url: str = ""
    public_webrtc_url: str = ""
    storage_url: str = ""
    """Where clients read the files of a public bucket; "": from this server."""
    storage_origin: str = ""
    """The origin of a bucket to which this server redirects clients or points them."""
    video_addresses: VideoAddresses | None = None
    """None: there are no uploaded videos."""
    base: str = field(init=False)
    """The URL of the public listener, without a slash at the end."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base", self.public_url or f"http://{self.host}:{self.http_port}")

    def static(self, path: str) -> str:
        return f"{self.base}/static/{path}"

    def media(self, path: str) -> str:
        """The URL of a public file. An empty path and an absolute URL are returned unchanged."""
        if not path or is_absolute(path):
            return path
        if self.storage_url and is_stored(path):
            return f"{self.storage_url}/{path}"
        return f"{self.base}/media/{path}"

    def video_files(self, video: Video) -> VideoFiles:
        """Below one signed address; of the demo's clips the public ones."""
        content = video.content
        names = (content.media, content.small, content.poster, content.preview)
        if not any(map(is_private, names)):
            return VideoFiles(*map(self.media, names))
        folder = self.video_folder(video)
        return VideoFiles(
            video_file(folder, "media", content.media),
            video_file(folder, "small", content.small),
            video_file(folder, "poster", content.poster),
            video_file(folder, "preview", content.preview),
        )

    def video_folder(self, video: Video) -> str:
        """The URL below which the files of the video are."""
        assert self.video_addresses is not None, "only a server that stores videos shows them"
        return f"{self.base}{self.video_addresses.folder(video)}"

    def appeal(self, decision_id: int, code: str) -> str:
        """The page for an appeal. The code is in the fragment, which browsers do not send, so that no log gets it."""
        return f"{self.base}/appeal#{decision_id}.{code}"

    def gift_picture(self, file: str) -> str:
        """A stored file, or a picture that comes with the server."""
        return self.media(file) if is_stored(file) else self.static(f"gifts/{file}")

    def slider_picture(self, picture: str) -> str:
        """The URL of a picture that comes with the server. An absolute URL is returned unchanged."""
        return picture if is_absolute(picture) else self.static(f"sliders/{picture}")

    def websocket(self, stream_id: int | str) -> str:
        return f"ws{self.base.removeprefix('http')}/ws/live/{stream_id}"

    def watch(self, stream_id: int) -> str:
        return f"{self.base}/watch/{stream_id}"

    def playback(self, path: str) -> str:
        return f"{self.public_hls_url or f'http://{self.host}:{self.hls_port}'}/{path}/index.m3u8"

    def webrtc(self, path: str) -> str:
        """The base of the URLs `…/whip` and `…/whep`."""
        return f"{self.public_webrtc_url or f'http://{self.host}:{self.webrtc_port}'}/{path}"

    def whep(self, path: str) -> str:
        return f"{self.webrtc(path)}/whep"

    @property
    def rtmp_server(self) -> str:
        """The RTMP server for OBS, which has separate fields for server and key (`obs_key`)."""
        return f"rtmp://{self.host}:{self.rtmp_port}/{APP}"

    def obs_key(self, stream: Stream, key: StreamKey) -> str:
        return f"{stream.path.removeprefix(f'{APP}/')}?token={key}"

    def rtmp(self, stream: Stream, key: StreamKey) -> str:
        return f"{self.rtmp_server}/{self.obs_key(stream, key)}"

    def whip(self, stream: Stream, key: StreamKey) -> str:
        return f"{self.webrtc(stream.path)}/whip?token={key}"

    def srt(self, stream: Stream, key: StreamKey) -> str:
        return f"srt://{self.host}:{self.srt_port}?streamid=publish:{stream.path}::{key}&pkt_size=1316"


def video_file(folder: str, kind: str, name: str) -> str:
    """The URL of one file of a video: its kind, with the suffix of its name in storage."""
    return f"{folder}/{kind}.{name.rpartition('.')[2]}" if name else ""


_HOST = re.compile(r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?)(:[0-9]{1,5})?", re.ASCII)


def urls_of(settings: Settings, ports: Ports, storage: Storage | None = None) -> Urls:
    return Urls(
        _bracketed(settings.public_host),
        *(ports.http_port, ports.rtmp_port, ports.hls_port, ports.webrtc_port, ports.srt_port),
        public_url=settings.public_url.rstrip("/"),
        public_hls_url=settings.public_hls_url.rstrip("/"),
        public_webrtc_url=settings.public_webrtc_url.rstrip("/"),
        storage_url=storage.public_url if storage else "",
        storage_origin=storage.origin if storage else "",
    )


def urls_for(requested: str, urls: Urls, settings: Settings) -> Urls:
    """With LIVE_LAN, URLs that use the host in `requested`, the client's Host header; else `urls` itself. Only
    loopback, private and own names are accepted: with others, a forged Host header could redirect clients."""
    host = _host_of(requested) if settings.lan else None
    return _called(host, urls) if host and _is_ours(host, urls) else urls


@functools.lru_cache(maxsize=64)
def _called(host: str, urls: Urls) -> Urls:
    return replace(urls, host=host)


@functools.lru_cache(maxsize=4096)  # every request needs it
def is_addressed_to_us(requested: str, urls: Urls) -> bool:
    """Whether the Host header is empty or names this server. A foreign name that resolves to this machine does not
    (DNS rebinding)."""
    host = _host_of(requested)
    return not requested or (host is not None and _is_ours(host, urls))


def is_absolute(url: str) -> bool:
    """Whether it names a server, and not a file of ours."""
    return url.startswith(("http://", "https://"))


def _host_of(requested: str) -> str | None:
    match = _HOST.fullmatch(requested.lower())
    return match["host"] if match else None


def _is_ours(host: str, urls: Urls) -> bool:
    bare = host.strip("[]")
    return host in {urls.host, socket.gethostname().lower()} or is_loopback(bare) or is_private_address(bare)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
