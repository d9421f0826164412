"""What the terminal shows: the warning of development mode, and the addresses when everything is up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

if TYPE_CHECKING:
    from control_plane.server import Started


def warn_of_development(console: Console) -> None:
    console.print(
        Panel(
            "Anybody may sign in as anybody, coins are free, and there is demo data.\n"
            "It refuses public addresses. `stagedoor run` without LIVE_DEV is production.",
            title="[bold]development mode[/]",
            border_style="yellow",
            expand=False,
        )
    )


def announce(console: Console, started: Started) -> None:
    """A short table of addresses, and commands that work when they are pasted."""
    urls = started.urls
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ignore")
    table.add_row("API", f"{urls.base}/api/<name>")
    table.add_row("documentation", f"{urls.base}/docs")
    table.add_row("live socket", urls.websocket("<id>"))
    table.add_row("RTMP ingest", f"{urls.rtmp_server} (key: <id>?token=…)")
    table.add_row("HLS playback", urls.playback("live/<id>"))
    table.add_row("WHIP and WHEP", urls.webrtc("live/<id>"))
    console.print()
    console.print("[bold green]Stagedoor is ready.[/]")
    console.print(table)
    if started.settings.dev:
        _print(console, "Go live, as user 1:", _go_live(urls.base))
        _print(console, "Then publish a test picture to the rtmp_url of the answer:", "make publish URL='<rtmp_url>'")
        _print(console, "The apps' API keys:", " ".join(f"{app}={key}" for app, key in started.api_keys.items()))
    console.print("[dim]Ctrl-C stops everything.[/]")


def _go_live(base: str) -> str:
    body = json.dumps({"user_id": "1", "started_at": "2026-01-01 12:00:00"})
    return f"curl -s {base}/api/liveStream -d '{body}'"


def _print(console: Console, what: str, text: str) -> None:
    console.print(f"\n[dim]{what}[/]")
    console.print(f"  {text}", soft_wrap=True, highlight=False, markup=False)
