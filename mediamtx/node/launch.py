"""Map Stagedoor's settings to MediaMTX's configuration, and prepare its process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from control_plane.base.network import is_loopback
from control_plane.base.signing import Keyring
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from mediamtx.errors import MediaMTXNotStarted
from mediamtx.node.config import MediaMTXConfig, local_url, reached_at
from mediamtx.node.home import home_of
from mediamtx.node.process import MediaMTXProcess

SETTING_OF = {"api_port": "mediamtx_api_port"}
"""Name in the settings of a port field of `MediaMTXConfig`, where the two differ."""


def configuration(settings: Settings, ports: Ports, hooks: Keyring, hook_command: tuple[str, ...]) -> MediaMTXConfig:
    """`hook_command` runs the hook script on the machine where MediaMTX runs."""
    loopback = is_loopback(settings.bind)
    return MediaMTXConfig(
        hooks_url=hooks_url(settings, ports),
        hook_secret=hooks.signing.value.hex(),
        hook_command=hook_command,
        bind=settings.bind,
        rtmp_port=ports.rtmp_port,
        hls_port=ports.hls_port,
        webrtc_port=ports.webrtc_port,
        webrtc_udp_port=ports.webrtc_udp_port,
        srt_port=ports.srt_port,
        api_bind=settings.mediamtx_api_bind,
        api_port=ports.mediamtx_api_port,
        webrtc_hosts=(_loopback_address(settings.bind),) if loopback else (settings.public_host,),
        trusted_proxies=settings.trusted_proxies,
        log_level=settings.mediamtx_log_level,
    )


def _loopback_address(bind: str) -> str:
    """Loopback address of the family that we listen on. Viewers cannot connect to a candidate of the other family."""
    return "::1" if ":" in bind else "127.0.0.1"


def prepared(settings: Settings, config: MediaMTXConfig, binary: Path, hook_script: Path) -> MediaMTXProcess:
    """Return a MediaMTX that is not started yet, with the hook file written. Raises MediaMTXNotStarted."""
    home = home_of(settings.data_dir / "mediamtx")
    try:
        command = home.write_hook(config.hooks_url, config.hook_secret, hook_script)
    except OSError as error:
        raise MediaMTXNotStarted(f"MediaMTX cannot be set up in {home.files}: {error.strerror}") from error
    return MediaMTXProcess(binary, replace(config, hook_command=command), home.directory)


def hooks_url(settings: Settings, ports: Ports) -> str:
    """URL by which MediaMTX reaches the hooks listener."""
    return settings.hooks_url.rstrip("/") or f"{local_url(settings.hooks_bind, ports.hooks_port)}/hooks"


def media_host(settings: Settings) -> str:
    """Host of MediaMTX's client listeners (RTMP, HLS, WebRTC) for us: the same host as its control API."""
    host = urlsplit(settings.mediamtx_api_url).hostname or reached_at(settings.bind)
    return f"[{host}]" if ":" in host else host


def hook_file(settings: Settings) -> Path:
    """Path of the hook file if MediaMTX runs as our own user."""
    return settings.data_dir / "mediamtx" / "hook"
