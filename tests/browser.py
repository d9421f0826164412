"""A headless Chromium, and visitors: each has its own browser profile and one page, whose errors fail the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, async_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=800)
NETWORK = "Failed to load resource"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """LIVE_TEST_BROWSER, else the system's browser, else Playwright's own download."""
    found = os.environ.get("LIVE_TEST_BROWSER") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *as_root])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """`problems`: errors of the page, and requests to hosts that it must not contact."""

    page: Page
    hosts: Collection[str]
    """Hosts with ports that our pages may contact."""
    media_hosts: Collection[str]
    """Hosts of the media server. It refuses requests of viewers whose publisher has disconnected; the browser logs
    that, but it is not an error of the page."""
    problems: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        host = urlsplit(message.location["url"]).netloc
        if message.type == "error" and not (NETWORK in message.text and host in self.media_hosts):
            self.problems.append(f"console: {message.text} ({message.location['url']})")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("blob", "data", "about") and parts.netloc not in self.hosts:
            self.problems.append(f"a request to {parts.netloc}")


@asynccontextmanager
async def visiting(
    browser: Browser,
    hosts: Collection[str],
    media_hosts: Collection[str],
    size: ViewportSize = DESKTOP,
    *,
    reduced_motion: bool = False,
) -> AsyncIterator[Visitor]:
    """A visitor on an empty page. Leaving fails if there were problems."""
    context = await browser.new_context(
        viewport=size, color_scheme="dark", reduced_motion="reduce" if reduced_motion else "no-preference"
    )
    try:
        visitor = Visitor(await context.new_page(), hosts, media_hosts)
        visitor.watch()
        yield visitor
    finally:
        await context.close()
    assert visitor.problems == []
