"""From our settings to a media server that runs: adopted from an earlier start, or started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from control_plane.ports import Ports
from control_plane.secrets import Keyring
from control_plane.settings import Settings, is_loopback
from mediamtx.config import MediaMTXConfig
from mediamtx.hook_command import hook_command, write_hook_file
from mediamtx.process import MediaMTXProcess

SETTING_OF = {"api_port": "mediamtx_api_port"}
"""What a port of `MediaMTXConfig` is called in the settings, where the names differ."""


def configuration(settings: Settings, ports: Ports, hooks: Keyring, send_event: Path) -> MediaMTXConfig:
    """`send_event` is the script that its hooks run."""
    loopback = is_loopback(settings.bind)
    return MediaMTXConfig(
        hooks_url=hooks_url(settings, ports),
        hook_secret=hooks.signing.value.hex(),
        hook_command=hook_command(send_event, hook_file(settings)),
        bind=settings.bind,
        rtmp_port=ports.rtmp_port,
        hls_port=ports.hls_port,
        webrtc_port=ports.webrtc_port,
        webrtc_udp_port=ports.webrtc_udp_port,
        srt_port=ports.srt_port,
        api_bind=settings.mediamtx_api_bind,
        api_port=ports.mediamtx_api_port,
        webrtc_hosts=("127.0.0.1",) if loopback else (settings.public_host,),
        trusted_proxies=settings.trusted_proxies,
    )


def supervised(
    settings: Settings, config: MediaMTXConfig, binary: Path, on_spawn: Callable[[int], None]
) -> MediaMTXProcess:
    """Not running yet. Its hooks find address and secret in a private file."""
    write_hook_file(hook_file(settings), config.hooks_url, config.hook_secret)
    return MediaMTXProcess(binary, config, settings.data_dir / "mediamtx", on_spawn=on_spawn)


def hooks_url(settings: Settings, ports: Ports) -> str:
    host = settings.hooks_bind
    return f"http://{f'[{host}]' if ':' in host else host}:{ports.hooks_port}/hooks"


def hook_file(settings: Settings) -> Path:
    return settings.data_dir / "mediamtx" / "hook"
