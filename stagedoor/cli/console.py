"""The messages of `stagedoor run` in a terminal: the warning of development mode, and the addresses when it is
ready."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import segno
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from control_plane.streams.path import APP

if TYPE_CHECKING:
    from api.http.urls import Urls
    from stagedoor.roles import Started


def warn_of_development(console: Console, *, lan: bool) -> None:
    reach = "Every device in this machine's network can reach it." if lan else "It refuses public addresses."
    console.print(
        Panel(
            "Sign-in needs no proof, coins are free, and there is demo data.\n"
            f"{reach} Without LIVE_DEV, `stagedoor run` starts in production mode.",
            title="[bold]development mode[/]",
            border_style="yellow",
            expand=False,
        )
    )


def announce(console: Console, started: Started) -> None:
    """Print the addresses, and commands for a first broadcast that work when pasted."""
    urls = started.urls
    addresses = {
        "pages": f"{urls.base}/   {urls.base}/studio",
        "API": f"{urls.base}/api/<name>   documentation: {urls.base}/docs",
        "live socket": urls.websocket("<id>"),
        "RTMP ingest": f"{urls.rtmp_server}   key: <id>?token=…",
        "SRT ingest": f"srt://{urls.host}:{urls.srt_port}   streamid: publish:{APP}/<id>::…",
        "HLS playback": urls.playback(f"{APP}/<id>"),
        "WHIP, WHEP": urls.webrtc(f"{APP}/<id>"),
    }
    console.print("\n[bold green]Stagedoor is ready.[/]")
    if started.stores:
        addresses["stores"] = ", ".join(started.stores)
    for name, address in addresses.items():
        console.print(f"[dim]{name:<14}[/]{escape(address)}", soft_wrap=True, highlight=False)
    if not started.stores:
        _print(console, "No store is connected: coins cannot be bought.", "Set one up: docs/money.md")
    if started.settings.lan:
        _print(console, "On a phone in the same network:", *_qr(f"{urls.base}/"))
    _print(
        console,
        "Go live from the camera of this computer: sign in and choose “Use this camera” at",
        f"{urls.base}/studio",
    )
    if started.settings.dev:
        _print(console, "Go live as user 1, publish a test picture and watch it:", *_first_broadcast(urls))
        _print(console, "The apps' API keys are in:", str(started.settings.data_dir / "run.json"))
    console.print("\n[dim]Ctrl-C stops everything.[/]")


def _qr(address: str) -> list[str]:
    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(drawn, compact=True, border=2)
    return [*drawn.getvalue().splitlines(), address]


def _first_broadcast(urls: Urls) -> tuple[str, ...]:
    going_live = f"""curl -s {urls.base}/api/liveStream -d '{{"user_id": "1", "started_at": "2026-01-31 12:00:00"}}'"""
    rtmp_url = """python3 -c 'import json, sys; print(json.load(sys.stdin)["msg"]["LiveStreaming"]["rtmp_url"])'"""
    return (
        f"URL=$({going_live} | {rtmp_url})",
        "ffmpeg -re -f lavfi -i testsrc2=size=720x1280:rate=30 -f lavfi -i sine -pix_fmt yuv420p -c:v libx264 -preset "
        "veryfast"
        ' -tune zerolatency -g 30 -c:a aac -f flv "$URL"    # without ffmpeg: make publish URL="$URL"',
        f"open {urls.base}/",
    )


def _print(console: Console, what: str, *lines: str) -> None:
    console.print(f"\n[dim]{what}[/]")
    for line in lines:
        console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)
