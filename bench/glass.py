"""Benchmark of glass-to-glass latency on our watch page and on MediaMTX's own pages, in headless Chromium.

The publisher's picture is a clock; the browser reads it from every frame that it shows. Both run on one machine, so
they share its clock. The same visits measure the time from opening the page to the first frame.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from playwright.async_api import Browser, async_playwright

from bench.clock_picture import GOP_S
from bench.joins import plays
from bench.load import quantile
from bench.platform import platform, until
from bench.processes import child
from bench.report import Target, figure, heading, step, table

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ONLINE_S = 20.0
FIRST_FRAME_S = 20.0
SETTLED_AFTER_MS = 5000
"""Frames within this time after the first are not counted: players catch up after their start."""
SCRIPT = Path(__file__).with_name("glass.js").read_text()

GLASS = Target(3.0)
AGAINST_THEIRS = Target(1.1)
FIRST_FRAME = Target(2.0)


@dataclass(frozen=True, slots=True)
class Visit:
    first_frame_s: float
    delays_s: list[float]
    unreadable: int


async def run(quick: bool) -> None:
    heading("glass", quick)
    rounds, seconds = (1, 10.0) if quick else (5, 12.0)
    async with platform() as ours, async_playwright() as driver:
        _, token = await ours.sign_in("host")
        stream = await ours.go_live(token)
        path, run_ = f"live/{stream['id']}", ours.run
        hls, webrtc = run_["hls_port"], run_["webrtc_port"]
        pages = {
            "LL-HLS, ours": ours.url(f"/watch/{stream['id']}"),
            "LL-HLS, MediaMTX's page": f"http://127.0.0.1:{hls}/{path}/",
            "WHEP, ours": ours.url(f"/watch/{stream['id']}?low"),
            "WHEP, MediaMTX's page": f"http://127.0.0.1:{webrtc}/{path}/",
        }
        browser = await driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        visits: dict[str, list[Visit]] = defaultdict(list)
        async with child("bench.clock_picture", {"url": stream["rtmp_url"]}):
            await until(lambda: plays(ours.session, hls, path), ONLINE_S, "the stream plays")
            await asyncio.sleep(5)  # until the playlist is full, as most viewers find it
            for number in range(rounds):
                for page, address in pages.items():
                    # A first frame may have to wait for a key frame: spread the rounds over the time between two.
                    await asyncio.sleep(number / rounds * GOP_S)
                    visits[page].append(await visit(browser, address, seconds))
                    last = visits[page][-1]
                    step(
                        f"{number + 1} of {rounds}: {page}: first frame {last.first_frame_s:.2f} s, "
                        f"glass to glass {median(last.delays_s):.2f} s"
                    )
        await browser.close()
    show(visits)


async def visit(browser: Browser, address: str, seconds: float) -> Visit:
    """Open the page in a browser context of its own, so that nothing is cached."""
    context = await browser.new_context(viewport={"width": 1280, "height": 720})
    try:
        page = await context.new_page()
        await page.add_init_script(SCRIPT)
        await page.goto(address, wait_until="commit")

        async def plays() -> bool:
            return bool(await page.evaluate("window.__glass.firstMs !== null"))

        await until(plays, FIRST_FRAME_S, f"a frame on {address}")
        await asyncio.sleep(seconds)
        seen: Mapping[str, Any] = await page.evaluate("window.__glass")
    finally:
        await context.close()
    settled = [ms / 1000 for at, ms in seen["frames"] if at >= seen["firstMs"] + SETTLED_AFTER_MS]
    if not settled:
        raise RuntimeError(f"{address}: no picture after {SETTLED_AFTER_MS} ms; {seen['unreadable']} could not be read")
    return Visit(seen["firstMs"] / 1000, settled, seen["unreadable"])


def show(visits: Mapping[str, list[Visit]]) -> None:
    rows = []
    for page, each in visits.items():
        transport, mine = page.split(",")[0], page.endswith("ours")
        theirs = visits[f"{transport}, MediaMTX's page"]
        against = median(median(one.delays_s) / median(base.delays_s) for one, base in zip(each, theirs, strict=True))
        delays = sorted(delay for one in each for delay in one.delays_s)
        firsts = sorted(one.first_frame_s for one in each)
        rows.append(
            [
                page,
                figure(median(delays), "s", GLASS if mine else None),
                figure(quantile(delays, 0.95), "s"),
                figure(against, "×", AGAINST_THEIRS if mine else None),
                figure(median(firsts), "s", FIRST_FRAME if mine else None),
                figure(quantile(firsts, 0.95), "s", FIRST_FRAME if mine else None),
                f"{len(delays):,}",
                f"{sum(one.unreadable for one in each):,}",
            ]
        )
    columns = ["page", f"glass p50 ({GLASS} s)", "p95", f"against theirs ({AGAINST_THEIRS})"]
    columns += [f"first frame p50 ({FIRST_FRAME} s)", "p95", "frames", "unreadable"]
    table("Glass to glass, and page open to first frame", columns, rows)


def find_browser() -> str | None:
    """Path of the system's browser; None for Playwright's own."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)
