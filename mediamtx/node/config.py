"""The configuration that MediaMTX v1.20.1 runs with. All of it is here; its API is never used to change it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from control_plane.streams.media.api_password import api_password
from mediamtx.node.hook_command import command_line

PATH_PATTERN = "~^live/([0-9]+)(-[a-z]+)?$"
"""`live/<stream id>`, and derived ones such as `live/7-opus`."""

OTHER_PATHS = "all_others"
"""Every other name, matched last. Without it MediaMTX closes a connection to a wrong path without a status and without asking us: encoders then
retry for ever and our log knows nothing. Names that MediaMTX finds invalid (a slash at the end, other characters than letters, digits and
`_-/.`) it still refuses by itself."""

HOOK_USER = "mediamtx"
"""The user name of its calls to our hooks listener; the password is the hook secret."""

EXCLUDED = ("metrics", "pprof")
"""Actions for which nobody is asked. Never `api`: by it a path is added whose `runOnInit` is any command."""

HLSVariant = Literal["lowLatency", "fmp4", "mpegts"]
_REACHED_AT = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_Value = str | bool | int | list[str] | list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaMTXConfig:
    """Ports are real ones, never 0. `hook_command` is an argument vector to which `online` or `offline` is added; empty: no hooks, and what
    they would tell is seen at the next look at the API."""

    hooks_url: str
    """Of the hooks listener, e.g. http://127.0.0.1:9080/hooks; `/auth` is called below it."""
    hook_secret: str = field(repr=False)
    hook_command: tuple[str, ...]
    bind: str = "127.0.0.1"
    rtmp_port: int = 1935
    hls_port: int = 8888
    webrtc_port: int = 8889
    webrtc_udp_port: int = 8189
    srt_port: int = 8890
    api_bind: str = "127.0.0.1"
    """Whoever may use the API runs commands: it wants our password, and is for the loopback or a private network besides."""
    api_port: int = 9997
    webrtc_hosts: tuple[str, ...] = ("127.0.0.1",)
    """Addresses or names under which viewers reach us, offered besides those of the interfaces we listen on."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For is believed by the HLS and WebRTC servers."""
    hls_variant: HLSVariant = "lowLatency"
    read_timeout_s: int = 8
    """Silence after which a publisher counts as lost. An unanswered auth callback stops the server as long."""
    log_level: str = "warn"
    """Its own word. From `info` on it quotes what clients sent, whole and in many places, stream keys among it."""

    @property
    def api_password(self) -> str:
        return api_password(self.hook_secret)

    @property
    def api_url(self) -> str:
        """As seen from this machine."""
        return local_url(self.api_bind, self.api_port)

    @property
    def listeners(self) -> dict[tuple[str, int], str]:
        """The name of the field, by protocol and port."""
        return {
            ("tcp", self.rtmp_port): "rtmp_port",
            ("tcp", self.hls_port): "hls_port",
            ("tcp", self.webrtc_port): "webrtc_port",
            ("udp", self.webrtc_udp_port): "webrtc_udp_port",
            ("udp", self.srt_port): "srt_port",
            ("tcp", self.api_port): "api_port",
        }


def local_url(bind: str, port: int) -> str:
    """How this machine reaches a listener of its own."""
    return f"http://{_address(reached_at(bind), port)}"


def reached_at(bind: str) -> str:
    """The host under which this machine reaches what is bound to this address."""
    return _REACHED_AT.get(bind, bind)


def render(config: MediaMTXConfig) -> str:
    """YAML whose values are JSON; the same bytes for the same configuration. It holds the secret: `write_private` it."""
    lines = ["# Written by stagedoor at each start; changes made here are lost."]
    for title, settings in _sections(config):
        lines += ["", f"# {title}"]
        lines += [f"{name}: {_json(value)}" for name, value in settings.items()]
    lines += ["", "paths:"]
    for pattern, settings in ((PATH_PATTERN, _path_settings(config)), (OTHER_PATHS, _OTHER_PATH_SETTINGS)):
        lines += [f"  {_json(pattern)}:"]
        lines += [f"    {name}: {_json(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _sections(config: MediaMTXConfig) -> Iterator[tuple[str, dict[str, _Value]]]:
    yield (
        "General",
        {
            "logLevel": config.log_level,
            "logDestinations": ["stdout"],
            "logStructured": False,
            "readTimeout": f"{config.read_timeout_s}s",
            "writeTimeout": "10s",
        },
    )
    yield (
        "Who may publish and read: we are asked. The excluded actions have listeners that are off",
        {
            "authMethod": "http",
            "authHTTPAddress": callback_address(config),
            "authHTTPExclude": [{"action": action} for action in EXCLUDED],
        },
    )
    yield (
        "Control API",
        {"api": True, "apiAddress": _address(config.api_bind, config.api_port), "apiAllowOrigins": []},
    )
    yield "Servers that we do not use", dict.fromkeys(("rtsp", "moq", "metrics", "playback", "pprof"), False)
    yield "RTMP", {"rtmp": True, "rtmpAddress": _address(config.bind, config.rtmp_port), "rtmpEncryption": "no"}
    yield (
        "HLS",
        {
            "hls": True,
            "hlsAddress": _address(config.bind, config.hls_port),
            "hlsAllowOrigins": ["*"],
            "hlsTrustedProxies": list(config.trusted_proxies),
            "hlsAlwaysRemux": True,
            "hlsVariant": config.hls_variant,
        },
    )
    yield (
        "WebRTC",
        {
            "webrtc": True,
            "webrtcAddress": _address(config.bind, config.webrtc_port),
            "webrtcAllowOrigins": ["*"],
            "webrtcTrustedProxies": list(config.trusted_proxies),
            "webrtcLocalUDPAddress": _address(config.bind, config.webrtc_udp_port),
            "webrtcIPsFromInterfaces": not _is_loopback(config.bind),
            "webrtcAdditionalHosts": list(config.webrtc_hosts),
        },
    )
    yield "SRT", {"srt": True, "srtAddress": _address(config.bind, config.srt_port)}


def _path_settings(config: MediaMTXConfig) -> dict[str, _Value]:
    return {
        "source": "publisher",
        # Who may take over is decided in the callback: a phone that changes networks leaves a half-open connection.
        "overridePublisher": True,
        "record": False,
        **_hooks(config.hook_command),
    }


_OTHER_PATH_SETTINGS: dict[str, _Value] = {"source": "publisher", "record": False}
"""No hooks: the callback lets nobody in, and what should come in nevertheless the reconciler puts out."""


def _hooks(command: tuple[str, ...]) -> dict[str, _Value]:
    if not command:
        return {}
    return {"runOnOnline": command_line([*command, "online"]), "runOnOffline": command_line([*command, "offline"])}


def callback_address(config: MediaMTXConfig) -> str:
    """With the secret as user information of the URL: sent as Basic authorization, and printed as *** by MediaMTX."""
    parts = urlsplit(f"{config.hooks_url.rstrip('/')}/auth")
    return urlunsplit(parts._replace(netloc=f"{HOOK_USER}:{quote(config.hook_secret, safe='')}@{parts.netloc}"))


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _json(value: _Value) -> str:
    return json.dumps(value, ensure_ascii=False)
