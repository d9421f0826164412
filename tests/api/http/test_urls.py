"""URLs in our answers: from the settings, from a proxy in front, or from a private network of the request."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from api.http.urls import Urls, urls_for, urls_of
from api.pages.html import policy
from control_plane.base.ids import StreamId
from control_plane.config.declare import InvalidSettings
from control_plane.config.loading import load
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.storage.model import public_name
from control_plane.storage.places import open_storage
from control_plane.streams.keys import StreamKey
from tests.control_plane.streams.samples import stream

PORTS = Ports(8080, 1935, 8888, 8889, 8189, 8890, 9997, 9080)
LAN = load({"LIVE_DEV": "1", "LIVE_LAN": "1", "LIVE_BIND": "127.0.0.1", "LIVE_PUBLIC_HOST": "192.168.1.20"})
ON_LAN = urls_of(LAN, PORTS)
KEY = StreamKey("k" * 44)


def all_of(urls: Urls) -> list[str]:
    seven = stream(id=StreamId(7))
    return [
        *(urls.base, urls.websocket(7), urls.watch(7), urls.media("a.mp4"), urls.gift_picture("rose.svg")),
        *(urls.playback("live/7"), urls.whep("live/7"), urls.whip(seven, KEY)),
        *(urls.rtmp(seven, KEY), urls.srt(seven, KEY)),
    ]


def of(**settings: Any) -> Urls:
    return urls_of(Settings(**settings), PORTS)


def test_host_and_ports_are_those_of_the_settings() -> None:
    assert all_of(of(public_host="live.example.com")) == [
        "http://live.example.com:8080",
        "ws://live.example.com:8080/ws/live/7",
        "http://live.example.com:8080/watch/7",
        "http://live.example.com:8080/media/a.mp4",
        "http://live.example.com:8080/static/gifts/rose.svg",
        "http://live.example.com:8888/live/7/index.m3u8",
        "http://live.example.com:8889/live/7/whep",
        f"http://live.example.com:8889/live/7/whip?token={KEY}",
        f"rtmp://live.example.com:1935/live/7?token={KEY}",
        f"srt://live.example.com:8890?streamid=publish:live/7::{KEY}&pkt_size=1316",
    ]


def test_behind_a_proxy_with_tls_pages_socket_and_media_are_reached_through_it() -> None:
    urls = of(
        public_host="live.example.com",
        public_url="https://live.example.com/",
        public_hls_url="https://hls.example.com",
        public_webrtc_url="https://live.example.com:8443",
    )
    assert all_of(urls) == [
        "https://live.example.com",
        "wss://live.example.com/ws/live/7",
        "https://live.example.com/watch/7",
        "https://live.example.com/media/a.mp4",
        "https://live.example.com/static/gifts/rose.svg",
        "https://hls.example.com/live/7/index.m3u8",
        "https://live.example.com:8443/live/7/whep",
        f"https://live.example.com:8443/live/7/whip?token={KEY}",
        f"rtmp://live.example.com:1935/live/7?token={KEY}",
        f"srt://live.example.com:8890?streamid=publish:live/7::{KEY}&pkt_size=1316",
    ]


def test_ipv6_addresses_are_in_brackets() -> None:
    assert of(public_host="::1").base == "http://[::1]:8080"


@pytest.mark.parametrize(
    ("requested", "host"),
    [
        ("192.168.1.20:8080", "192.168.1.20"),
        ("10.9.8.7", "10.9.8.7"),
        ("localhost:8080", "localhost"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("Laptop.local:8080", "laptop.local"),
        ("[fe80::1]:8080", "[fe80::1]"),
        ("[::1]", "[::1]"),
        (f"{socket.gethostname()}:8080", socket.gethostname().lower()),
    ],
)
def test_on_the_lan_the_answer_names_us_as_the_request_did(requested: str, host: str) -> None:
    urls = urls_for(requested, ON_LAN, LAN)
    assert urls.base == f"http://{host}:8080"
    assert urls.rtmp_server == f"rtmp://{host}:1935/live"


EVIL = [
    *("evil.com", "evil.com:8080", "8.8.8.8", "192.168.1.20.evil.com", "laptop.local.evil.com", "127.0.0.1.evil.com"),
    *("192.168.1.20@evil.com", "evil.com#.local", "evil.com/.local", "evil.com?.local", "evil.com\\.local"),
    *(
        "a b.local",
        "laptop.local\r\nX: y",
        "laptop.local:80:90",
        "laptop.local:8080/",
        ".local",
        "-.local",
        "",
        ":8080",
    ),
    *("[::ffff:8.8.8.8]", "[fe80::1%25eth0]", "fe80::1", "[fe80::1", "[localhost]", "0x0a000001", "2130706433"),
    *('"><script>.local', "lаptop.local", "laptop。local", "x" * 300 + ".local", "laptop.local:999999"),
]


@pytest.mark.parametrize("requested", EVIL)
def test_on_the_lan_any_other_host_header_changes_nothing(requested: str) -> None:
    assert urls_for(requested, ON_LAN, LAN) is ON_LAN


@pytest.mark.parametrize("requested", ["10.9.8.7", "localhost", "laptop.local", "evil.com"])
@pytest.mark.parametrize("settings", [Settings(), Settings(dev=True), Settings(public_host="live.example.com")])
def test_elsewhere_no_host_header_is_believed(requested: str, settings: Settings) -> None:
    urls = urls_of(settings, PORTS)
    assert urls_for(requested, urls, settings) is urls


def test_files_of_a_public_bucket_have_its_address() -> None:
    bucket = open_storage("s3://media/live?region=eu-west-1", Path("unused"), "https://cdn.example.com/live/")
    urls = urls_of(Settings(), PORTS, bucket)
    stored = public_name("pictures", bytes(32), "jpg")
    assert urls.media(stored) == f"https://cdn.example.com/live/{stored}"
    assert urls.storage_origin == "https://cdn.example.com"
    assert urls.media("samples/ember.gif") == f"{urls.base}/media/samples/ember.gif"
    assert urls.media("https://elsewhere.example.com/me.jpg") == "https://elsewhere.example.com/me.jpg"
    signed = urls_of(Settings(), PORTS, open_storage("s3://media?region=eu-west-1", Path("unused")))
    assert signed.media(stored) == f"{signed.base}/media/{stored}"
    assert signed.storage_origin.endswith(".amazonaws.com")


def test_a_public_address_needs_a_bucket() -> None:
    for settings in (
        {"storage_public_url": "https://cdn.example.com"},
        {"storage_url": "s3://a", "storage_public_url": "cdn"},
    ):
        with pytest.raises(InvalidSettings, match="LIVE_STORAGE_PUBLIC_URL"):
            Settings(**settings)  # type: ignore[arg-type]


def test_pages_may_show_the_files_of_a_bucket() -> None:
    ours = policy(urls_of(Settings(), PORTS))
    bucket = policy(
        urls_of(Settings(), PORTS, open_storage("s3://media?endpoint=https://s3.example.com:9000", Path("x")))
    )
    assert "https://s3.example.com:9000" not in ours
    for kind in ("img-src 'self' data:", "media-src 'self' blob:"):
        assert kind in ours
        assert re.search(rf"{re.escape(kind)}[^;]* https://s3\.example\.com:9000(;|$)", bucket)
