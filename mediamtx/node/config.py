"""MediaMTX's configuration file (v1.20.1). It is written at each start; the control API never changes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from control_plane.streams.media.api_password import api_password
from control_plane.streams.path import APP
from mediamtx.node.hook_command import command_line

PATH_PATTERN = rf"~^{APP}/([0-9]+)(-[a-z]+)?$"
"""Matches `live/<stream id>`, and derived paths such as `live/7-opus`."""

OTHER_PATHS = "all_others"
"""Matches every other name, last. Without it MediaMTX closes a connection to a wrong path without a status and without
calling the auth hook: encoders then retry for ever and our log shows nothing. MediaMTX still refuses invalid names (a
slash at the end, characters other than letters, digits and `_-/.`) by itself."""

HOOK_USER = "mediamtx"
"""User name with which MediaMTX calls our hooks listener; the password is the hook secret."""

EXCLUDED = ("metrics", "pprof")
"""Actions without the auth hook. Never add `api`: it lets a caller add a path whose `runOnInit` runs any command."""

HLSVariant = Literal["lowLatency", "fmp4", "mpegts"]
_REACHED_AT = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_Value = str | bool | int | list[str] | list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaMTXConfig:
    """What varies in the configuration of a MediaMTX. Ports are never 0.

    `hook_command` is an argument vector to which `online` or `offline` is appended. If it is empty, MediaMTX runs no
    hooks, and the reconciler sees changes when it next lists the paths.
    """

    hooks_url: str
    """URL of the hooks listener, e.g. http://127.0.0.1:9080/hooks; MediaMTX calls `/auth` below it."""
    hook_secret: str = field(repr=False)
    hook_command: tuple[str, ...]
    bind: str = "127.0.0.1"
    rtmp_port: int = 1935
    hls_port: int = 8888
    webrtc_port: int = 8889
    webrtc_udp_port: int = 8189
    srt_port: int = 8890
    api_bind: str = "127.0.0.1"
    """Callers of the API can run commands, so it needs our password and belongs on loopback or a private network."""
    api_port: int = 9997
    webrtc_hosts: tuple[str, ...] = ("127.0.0.1",)
    """Addresses or names offered to viewers as ICE candidates, in addition to those of the interfaces."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For header the HLS and WebRTC servers trust."""
    hls_variant: HLSVariant = "lowLatency"
    read_timeout_s: int = 8
    """Silence after which a publisher counts as lost, and timeout of the auth callback, which blocks all paths.
    Smaller: publishers on bad networks are interrupted. Larger: lost publishers are noticed later."""
    log_level: str = "warn"
    """MediaMTX's name of the level. From `info` on, its log contains what clients sent, stream keys included."""

    @property
    def api_password(self) -> str:
        return api_password(self.hook_secret)

    @property
    def api_url(self) -> str:
        """URL of the control API from this machine."""
        return local_url(self.api_bind, self.api_port)

    @property
    def listeners(self) -> dict[tuple[str, int], str]:
        """Names of the port fields by protocol and port."""
        return {
            ("tcp", self.rtmp_port): "rtmp_port",
            ("tcp", self.hls_port): "hls_port",
            ("tcp", self.webrtc_port): "webrtc_port",
            ("udp", self.webrtc_udp_port): "webrtc_udp_port",
            ("udp", self.srt_port): "srt_port",
            ("tcp", self.api_port): "api_port",
        }


def local_url(bind: str, port: int) -> str:
    """URL by which this machine reaches its own listener."""
    return f"http://{_address(reached_at(bind), port)}"


def reached_at(bind: str) -> str:
    """Host by which this machine reaches a listener that is bound to `bind`."""
    return _REACHED_AT.get(bind, bind)


def render(config: MediaMTXConfig) -> str:
    """Render YAML with JSON values, deterministically. It contains the hook secret: write it with `private_file`."""
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
        # A phone that changes networks leaves a half-open connection, so a new publisher may take over. The auth
        # callback decides who may.
        "overridePublisher": True,
        "record": False,
        **_hooks(config.hook_command),
    }


_OTHER_PATH_SETTINGS: dict[str, _Value] = {"source": "publisher", "record": False}
"""No hooks: the auth callback refuses all publishers here, and the reconciler kicks any that is online nevertheless."""


def _hooks(command: tuple[str, ...]) -> dict[str, _Value]:
    if not command:
        return {}
    return {"runOnOnline": command_line([*command, "online"]), "runOnOffline": command_line([*command, "offline"])}


def callback_address(config: MediaMTXConfig) -> str:
    """URL of the auth callback, with the hook secret as its password: MediaMTX sends it as Basic auth and logs ***."""
    parts = urlsplit(f"{config.hooks_url.rstrip('/')}/auth")
    return urlunsplit(parts._replace(netloc=f"{HOOK_USER}:{quote(config.hook_secret, safe='')}@{parts.netloc}"))


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _json(value: _Value) -> str:
    return json.dumps(value, ensure_ascii=False)
