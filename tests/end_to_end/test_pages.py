"""The web pages in a real browser, with a real publisher."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, ViewportSize, expect

from api.pages.live import PAGE_ITEMS
from control_plane.base import child, ffmpeg
from control_plane.base.ids import StreamId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_within
from control_plane.db.connections import Connection
from control_plane.db.embedded import running_dsn
from control_plane.db.pool import connect
from ffmpeg_fixtures.publisher import Picture, Publisher, VideoCodec
from tests.accessibility import violations
from tests.browser import DESKTOP, PHONE, Visitor, visiting
from tests.end_to_end.platform import Stagedoor, local
from tests.end_to_end.template import Template
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

SCREENSHOT = Path(__file__).parents[2] / "docs" / "images" / "watch.png"
SCREENSHOT_BYTES_MAX = 300_000
FEWER_COLOURS = "split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=bayer:bayer_scale=3"
TELL_ALL = """told => {
  window.everTold = [];
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) window.everTold.push(...[...addedNodes].map((node) => node.data));
  }).observe(told, { childList: true });
}"""
STAND_STILL = """great => {
  for (const animation of great.getAnimations({ subtree: true })) {
    animation.currentTime = 2000;
    animation.pause();
  }
}"""
CROWD = """
    with made as (insert into app_user (username) select 'crowd' || n from generate_series(1, $1) as n returning id),
        push as (insert into push_setting (user_id) select id from made),
        privacy as (insert into privacy_setting (user_id) select id from made),
        streams as (
            insert into stream (user_id, path, grace_s, status, live_at, interrupted_at)
            select id, 'live/crowd-' || id, 1800, 'interrupted', now(), now() from made returning id
        )
    insert into stream_log (stream_id, epoch) select id, 'crowd' from streams returning stream_id as id
"""
COMES_MS = 20_000
"""Timeout for the first frame, on a busy machine."""


@dataclass(frozen=True, slots=True)
class House:
    """One platform and one browser for all tests of this module; each test has its own users."""

    platform: Stagedoor
    browser: Browser

    @property
    def base(self) -> str:
        return f"http://localhost:{self.platform.run['http_port']}"

    def visitor(
        self, size: ViewportSize = DESKTOP, *, reduced_motion: bool = False
    ) -> AbstractAsyncContextManager[Visitor]:
        run = self.platform.run
        media = [f"localhost:{run[port]}" for port in ("hls_port", "webrtc_port")]
        hosts = [f"localhost:{run['http_port']}", *media]
        return visiting(self.browser, hosts, media, size, reduced_motion=reduced_motion)

    async def go_live(self, name: str, **options: Any) -> tuple[str, dict[str, Any]]:
        """Go live as an app does; returns the session token, and the stream with its URLs."""
        token = await self.platform.sign_in(name)
        return token, await self.platform.go_live(token, **options)

    async def end(self, token: str, stream: dict[str, Any]) -> None:
        await self.platform.done("api/liveStream", token, id=stream["id"], ended_at="2026-01-31 13:00:00")

    async def give(self, name: str, coins: int, **where: Any) -> None:
        """The user buys coins and sends that many roses."""
        token = await self.platform.sign_in(name)
        receipt = await self.platform.done("sandbox/purchases", token, coin=100)
        await self.platform.done("api/purchaseCoin", token, transaction_id=receipt["transaction_id"], coin="100")
        await self.platform.done("api/sendGift", token, gift_id=1, gift_count=coins, **where)

    async def signed_in(self, name: str) -> str:
        """The page's cookie, as a Cookie header."""
        async with self.platform.session.post(
            f"{self.base}/session", json={"name": name}, headers={"Origin": self.base}
        ) as response:
            assert response.status == 200
            return response.headers["Set-Cookie"].split(";")[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(template: Template, browser: Browser) -> AsyncIterator[House]:
    async with template.started() as platform:
        yield House(platform, browser)


async def sign_in(page: Page, form: Locator, name: str) -> None:
    await form.get_by_label("Username").fill(name)
    await form.get_by_role("button", name="Sign in").first.click()
    await expect(page.locator("#account")).to_contain_text(name)


def publisher(address: str) -> Publisher:
    return Publisher(local(address))


async def becomes(page: Page, state: str) -> None:
    await expect(page.locator("#watch")).to_have_attribute("data-state", state, timeout=COMES_MS)


async def time_of(page: Page, selector: str = "video") -> float:
    seconds: float = await page.locator(selector).evaluate("video => video.currentTime")
    return seconds


async def plays(page: Page) -> None:
    """Wait until the video advances and frames are decoded."""
    await becomes(page, "playing")
    before = await time_of(page)

    async def moved() -> bool:
        return await time_of(page) > before + 0.5

    await until(moved, what="the video's time")
    assert await page.locator("video").evaluate("video => video.videoWidth > 0 && !video.paused")


async def test_home_says_how_to_go_live_while_nothing_is(house: House) -> None:
    async with house.visitor(PHONE) as visitor:
        await visitor.page.goto(house.base)
        await expect(visitor.page.get_by_role("heading", level=1)).to_have_text("No one is live right now")
        await visitor.page.locator("#no-streams").get_by_role("link", name="studio").click()
        await expect(visitor.page.get_by_role("heading", name="Sign in to go live")).to_be_visible()


async def test_home_shows_more_on_demand(house: House) -> None:
    async with crowd(house, PAGE_ITEMS + 1), house.visitor() as visitor:
        await visitor.page.goto(house.base)
        cards, more = visitor.page.locator("#live > li"), visitor.page.get_by_role("button", name="Show more")
        await expect(cards).to_have_count(PAGE_ITEMS, timeout=COMES_MS)
        await more.click()
        await expect(cards).to_have_count(PAGE_ITEMS + 1, timeout=COMES_MS)
        await expect(more).to_be_hidden()


@asynccontextmanager
async def crowd(house: House, count: int) -> AsyncIterator[None]:
    """Streams that wait for their publishers."""
    dsn = running_dsn(house.platform.data_dir)
    assert dsn is not None
    connection = await connect(dsn)
    try:
        ids = [row["id"] for row in await connection.fetch(CROWD, count)]
        await tell_of(connection, ids)
        yield
        await connection.execute("update stream set status = 'ended', ended_at = now() where id = any($1)", ids)
        await tell_of(connection, ids)
    finally:
        await connection.close()


async def tell_of(database: Connection, stream_ids: list[StreamId]) -> None:
    for stream_id in stream_ids:
        await notify_within(database, Topic.STREAM, stream_id)


async def test_a_show_from_the_studio_to_its_end(house: House) -> None:
    async with house.visitor() as host, house.visitor(PHONE) as viewer, house.visitor() as passer_by:
        studio, watch = host.page, viewer.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "hanna")
        await studio.get_by_label("Title").fill("First night")
        await studio.get_by_role("button", name="Go live").click()
        await expect(studio.locator("#state")).to_contain_text("Waiting for your picture")

        own = await current_stream(studio)
        await watch.goto(f"{house.base}/watch/{own['id']}")
        await expect(watch.locator(".state")).to_contain_text("Waiting for hanna")

        async with publisher(own["rtmp_url"]):
            await plays(watch)
            await expect(studio.locator("#state")).to_contain_text("You are live")
            await expect(studio.locator("#viewers")).to_have_text("1")
            preview = studio.locator("#preview video")
            await until(lambda: time_is_positive(preview), what="the preview")

            await passer_by.page.goto(house.base)
            card = passer_by.page.get_by_role("link", name=re.compile("First night"))
            await expect(card).to_contain_text("hanna")
            await expect(card).to_have_attribute("href", f"/watch/{own['id']}")
            await card.click()
            await plays(passer_by.page)

            await watch.get_by_role("button", name="Gifts").click()
            await watch.locator('[data-gift="1"]').click()
            await sign_in(watch, watch.get_by_role("dialog"), "gustav")
            for _ in range(3):
                await watch.locator('[data-gift="1"]').click()
            await expect(watch.locator(".notice")).to_have_text("You do not have enough coins for this gift.")
            await expect(watch.locator(".package").first).to_contain_text("$0.99")
            await watch.locator(".package").first.click()
            await expect(watch.locator(".notice")).to_contain_text("coins added.")
            for _ in range(3):
                await watch.locator('[data-gift="1"]').click()
            banner = passer_by.page.locator(".banner")
            await expect(banner).to_contain_text("gustav")
            await expect(banner).to_contain_text("×3")
            await expect(watch.locator(".notice")).to_have_text("You sent 3 × Rose.")
            await expect(passer_by.page.locator("#announcer")).to_have_text("gustav sent 3 Rose.")
            await expect(passer_by.page.locator(".top-gifters")).to_contain_text("gustav")
            await expect(studio.locator("#feed")).to_contain_text("gustav sent 3 × Rose")
            await expect(studio.locator("#earned")).to_have_text("3")

            await studio.get_by_role("button", name="End stream").click()
            await studio.get_by_role("dialog").get_by_role("button", name="Go back").click()
            await expect(studio.locator("#state")).to_contain_text("You are live")
            await studio.get_by_role("button", name="End stream").click()
            await studio.get_by_role("dialog").get_by_role("button", name="End stream").click()

            for page in (watch, passer_by.page):
                await becomes(page, "ended")
                await expect(page.locator(".state")).to_contain_text("3 coins")
            await expect(studio.locator("#over")).to_contain_text("3 coins")

        for page in (watch, passer_by.page):
            await page.reload()
            await becomes(page, "ended")
            await expect(page.locator(".state")).to_contain_text("3 coins")
        panel = passer_by.page.locator("#panel")
        await expect(panel.locator(".coin-count")).to_have_text("3")
        for contradiction in (
            panel.get_by_text("watching"),
            panel.locator(".feed-title"),
            panel.get_by_text("Nobody has given"),
        ):
            await expect(contradiction.filter(visible=True)).to_have_count(0)
        await expect(panel.locator(".top-gifters")).to_contain_text("gustav")
        await expect(passer_by.page.locator(".badge.viewers")).not_to_be_visible()
        assert await current_stream(studio) is None


async def test_a_killed_publisher_shows_reconnecting_and_its_return_goes_on_playing(house: House) -> None:
    token, stream = await house.go_live("rosa", title="Through the tunnel")
    async with house.visitor(PHONE, reduced_motion=True) as viewer:
        await viewer.page.goto(f"{house.base}/watch/{stream['id']}")
        async with publisher(stream["rtmp_url"]) as first:
            await plays(viewer.page)
            await first.kill()
            await becomes(viewer.page, "reconnecting")
            await expect(viewer.page.locator(".still")).to_be_visible()
        async with publisher(stream["rtmp_url"]):
            await plays(viewer.page)
            async with publisher(stream["rtmp_url"]):  # another one takes over, as a phone does that changes networks
                await until(lambda: reloaded(viewer.page), what="the second publisher's picture")
                await plays(viewer.page)
                await house.end(token, stream)


async def test_a_viewer_who_was_offline_goes_on_and_has_missed_no_gift(house: House) -> None:
    (token, stream), fan = await house.go_live("mira"), await house.platform.sign_in("carla")
    async with house.visitor() as viewer, publisher(stream["rtmp_url"]):
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await plays(page)
        await page.context.set_offline(True)
        await becomes(page, "offline")
        await house.platform.done(
            "api/sendGift", fan, receiver_id=stream["user_id"], gift_id=3, gift_count=1, live_streaming_id=stream["id"]
        )
        await page.context.set_offline(False)
        await expect(page.locator(".feed li")).to_have_text(re.compile("carla sent Coffee"))
        await plays(page)
        await house.end(token, stream)


async def test_a_viewer_may_choose_low_latency_and_leave_it_again(house: House) -> None:
    token, stream = await house.go_live("lars")
    async with house.visitor(PHONE) as viewer, publisher(stream["rtmp_url"]):
        await viewer.page.goto(f"{house.base}/watch/{stream['id']}")
        await plays(viewer.page)
        low = viewer.page.get_by_role("button", name="Low latency", exact=True)
        await low.click()
        await expect(low).to_have_attribute("aria-pressed", "true")
        await plays(viewer.page)
        sound = viewer.page.locator("#sound")  # what is published has AAC, which WebRTC cannot carry
        await expect(sound).to_have_text("No sound in low latency for this stream", timeout=COMES_MS)
        assert await viewer.page.locator("video").evaluate("video => video.srcObject !== null")
        await low.click()
        await plays(viewer.page)
        assert await viewer.page.locator("video").evaluate("video => video.srcObject === null")
        await expect(sound).to_have_text("Tap for sound")
        await viewer.page.keyboard.press("k")
        await becomes(viewer.page, "blocked")
        await expect(viewer.page.get_by_role("button", name="Play")).to_be_visible()
        await viewer.page.keyboard.press("k")
        await plays(viewer.page)
        await house.end(token, stream)


async def test_a_format_that_the_browser_does_not_know_is_said_to_be_so(house: House) -> None:
    token, stream = await house.go_live("hevin")
    picture = Picture(width=180, height=320, codec=VideoCodec.H265)
    async with house.visitor() as viewer, Publisher(local(stream["rtmp_url"]), picture):
        await viewer.page.goto(f"{house.base}/watch/{stream['id']}")
        await becomes(viewer.page, "unsupported")
        await expect(viewer.page.locator(".state")).to_contain_text("Your browser cannot play this")
        await house.end(token, stream)
        await becomes(viewer.page, "ended")


async def test_the_browsers_own_camera_goes_live(house: House) -> None:
    async with house.visitor() as host, house.visitor(PHONE) as viewer:
        studio = host.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "clara")
        await studio.get_by_role("button", name="Go live").click()
        await studio.get_by_role("button", name="Use this camera").click()
        own_picture = studio.locator("#mirror")
        await until(lambda: time_is_positive(own_picture), what="the host's own picture")
        await expect(studio.locator("#camera-hint")).to_contain_text("Only you see this")
        await expect(studio.locator("#state")).to_contain_text("Waiting for your picture")
        await studio.get_by_role("button", name="Go on air").click()
        own = await current_stream(studio)
        await viewer.page.goto(f"{house.base}/watch/{own['id']}")
        await plays(viewer.page)
        await studio.get_by_role("button", name="Mute").click()
        await expect(studio.locator("#camera-hint")).to_have_text("Your microphone is muted.")
        assert await studio.locator("#mirror").evaluate("video => video.srcObject.getAudioTracks()[0].enabled") is False
        await studio.get_by_role("button", name="Sign out").click()
        await expect(studio.get_by_role("dialog")).to_contain_text("Your camera stops sending")
        await studio.get_by_role("dialog").get_by_role("button", name="Go back").click()
        await expect(studio.get_by_role("button", name="Stop this camera")).to_be_visible()
        await studio.get_by_role("button", name="Stop this camera").click()
        await becomes(viewer.page, "reconnecting")
        await studio.get_by_role("button", name="End stream").click()
        await studio.get_by_role("dialog").get_by_role("button", name="End stream").click()
        await becomes(viewer.page, "ended")


async def test_a_second_tab_opens_the_stream_that_runs_and_does_not_replace_it(house: House) -> None:
    async with house.visitor() as host:
        first = host.page
        await first.goto(f"{house.base}/studio")
        await sign_in(first, first.locator("#guest"), "tilda")
        second, third = [await first.context.new_page() for _ in range(2)]
        for tab in (second, third):
            await tab.goto(f"{house.base}/studio")
            await expect(tab.locator("#start")).to_be_visible()
        await first.get_by_role("button", name="Go live").click()
        await expect(first.locator("#way")).to_contain_text("rtmp://")
        own = await current_stream(first)

        await second.get_by_role("button", name="Go live").click()
        await expect(second.get_by_text("This stream is already running.")).to_be_visible()
        await third.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        for tab in (first, second, third):
            await expect(tab.locator("#way")).to_contain_text(f"live/{own['id']}")
        assert (await current_stream(first))["id"] == own["id"]

        await second.get_by_role("button", name="End stream").click()
        await expect(second.get_by_role("dialog")).to_be_visible()
        await first.get_by_role("button", name="End stream").click()
        await first.get_by_role("dialog").get_by_role("button", name="End stream").click()
        await expect(second.locator("#over-title")).to_be_focused()
        await expect(second.get_by_role("dialog")).not_to_be_visible()


async def test_the_studio_tells_an_error_once_and_recovers(house: House) -> None:
    async with house.visitor() as host:
        studio = host.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "erika")
        await expect(studio.locator("#start")).to_be_visible()
        unreached = studio.get_by_text("The server cannot be reached")
        await studio.context.set_offline(True)
        await studio.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(unreached).to_be_visible()
        await studio.context.set_offline(False)
        await expect(unreached).not_to_be_visible(timeout=COMES_MS)
        assert all("ERR_INTERNET_DISCONNECTED" in problem for problem in host.problems)
        host.problems.clear()

        await studio.get_by_role("button", name="Go live").click()
        await expect(studio.locator("#way")).to_contain_text("rtmp://")
        own = await current_stream(studio)
        await studio.route("**/api/liveStream", lambda route: route.fulfill(json={"code": 500, "msg": "Too busy."}))
        for _ in range(2):
            async with studio.expect_response("**/api/liveStream"):
                await studio.get_by_role("button", name="End stream").click()
                await studio.get_by_role("dialog").get_by_role("button", name="End stream").click()
            await expect(studio.get_by_text("Too busy.")).to_have_count(1)
        async with publisher(own["rtmp_url"]):
            await expect(studio.locator("#state")).to_contain_text("You are live")
            await expect(studio.get_by_text("Too busy.")).to_have_count(0)

            # the browser would write down a look that falls into the time without a network
            await studio.route("**/studio/current", lambda route: route.fulfill(json={"stream": own}))
            await studio.context.set_offline(True)
            await expect(unreached).to_be_visible()
            await studio.context.set_offline(False)
            await expect(unreached).not_to_be_visible(timeout=COMES_MS)
        await studio.unroute("**/api/liveStream")
        await studio.get_by_role("button", name="End stream").click()
        await studio.get_by_role("dialog").get_by_role("button", name="End stream").click()
        await expect(studio.locator("#over")).to_be_visible()


@pytest.mark.parametrize("live", [True, False])
async def test_a_revoked_session_leads_to_the_sign_in_form(house: House, live: bool) -> None:
    name = f"rene{live}".lower()
    async with house.visitor() as host:
        studio = host.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), name)
        go_live = studio.get_by_role("button", name="Go live")
        if live:
            await go_live.click()
            await expect(studio.locator("#state")).to_contain_text("Waiting for your picture")
        status, output = await house.platform.command("users", "revoke", name)
        assert status == 0, output
        if not live:
            await go_live.click()
        await expect(studio.locator("#guest-title")).to_be_focused()
        await expect(studio.locator("#account")).not_to_contain_text(name)
        assert all(" 401 " in problem for problem in host.problems)
        host.problems.clear()


async def test_a_viewer_whose_session_is_revoked_goes_on_as_a_guest(house: House) -> None:
    token, stream = await house.go_live("renate")
    async with house.visitor() as viewer:
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await sign_in_from_the_panel(page, "rolf")
        await expect(page.locator("#panel .viewer-count")).to_have_text("1")
        async with page.expect_websocket():
            status, output = await house.platform.command("users", "revoke", "rolf")
            assert status == 0, output
        await expect(page.locator("#account")).not_to_contain_text("rolf")
    await house.end(token, stream)


async def test_the_focus_goes_on_where_the_studio_goes_on(house: House) -> None:
    async with house.visitor() as host:
        studio = host.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "fiona")
        await expect(studio.locator("#start-title")).to_be_focused()
        await studio.get_by_role("button", name="Go live").click()
        await expect(studio.locator("#title")).to_be_focused()
        await studio.get_by_role("button", name="Show the code").click()
        await expect(studio.get_by_role("button", name="Hide key")).to_be_focused()
        copy = studio.get_by_role("button", name="Copy address")
        await copy.click()
        await expect(studio.locator("#announcer")).to_have_text(re.compile("^Address: cop"))
        await expect(copy).to_be_focused()  # it is called so again
        await studio.get_by_role("button", name="Sign out").click()
        await expect(studio.locator("#guest-title")).to_be_focused()


async def test_the_last_word_on_too_few_coins_stays(house: House) -> None:
    token, stream = await house.go_live("petra")
    async with house.visitor(PHONE) as viewer:
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await page.get_by_role("button", name="Gifts").click()
        await sign_in_from_the_panel(page, "paula")
        await page.get_by_role("button", name="Get coins").click()
        await page.locator(".package").first.click()
        await expect(page.locator(".notice")).to_contain_text("coins added.")
        await page.locator(".notice").evaluate(TELL_ALL)
        for gift_id in (1, 11):
            await page.locator(f'[data-gift="{gift_id}"]').click()
        await until(
            lambda: ever_told(page, "You sent Rose.", "You do not have enough coins for this gift."),
            what="both messages",
        )
    await house.end(token, stream)


async def test_the_documentation_says_when_nothing_is_found_and_its_first_example_works(house: House) -> None:
    async with house.visitor() as visitor:
        page = visitor.page
        await page.goto(f"{house.base}/docs")
        await page.get_by_label("Find an endpoint").fill("no such thing")
        await expect(page.get_by_text("No endpoint matches.")).to_be_visible()
        await page.get_by_label("Find an endpoint").fill("registerUser")
        await expect(page.get_by_text("No endpoint matches.")).not_to_be_visible()
        await page.get_by_text("Try it").filter(visible=True).click()
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("output").filter(visible=True)).to_contain_text("code 200")
        await page.get_by_role("link", name="What is live").click()
        await expect(page.get_by_role("link", name="Go live")).to_be_visible()


async def test_the_studio_shows_the_key_only_when_asked_and_finds_its_stream_again(house: House) -> None:
    async with house.visitor() as host:
        studio = host.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "kim")
        await studio.get_by_role("button", name="Go live").click()
        await expect(studio.locator("#way")).to_contain_text("rtmp://")
        own = await current_stream(studio)
        key = own["stream_key"].partition("token=")[2]

        for tab in ("Phone", "OBS", "ffmpeg", "WHIP, SRT"):
            await studio.get_by_role("tab", name=tab).click()
            assert key not in await studio.content()
        await studio.get_by_role("button", name="Show key").click()
        await expect(studio.locator("#way")).to_contain_text(key)
        await studio.get_by_role("tab", name="Phone").click()
        code = studio.get_by_alt_text("QR code that sets up Larix Broadcaster")
        await until(lambda: drawn(code), what="the QR code")

        await studio.reload()
        await expect(studio.locator("#way")).to_contain_text(f"live/{own['id']}")
        assert key not in await studio.content()
        assert (await current_stream(studio))["id"] == own["id"]

        await studio.get_by_role("button", name="New key").click()
        await studio.get_by_role("dialog").get_by_role("button", name="New key").click()
        await until(lambda: key_differs(studio, own), what="another key")
        await expect(studio.locator("#state")).to_contain_text("New key created")
        await expect(studio.locator("#state")).not_to_contain_text("same key")
        await studio.get_by_role("button", name="Sign out").click()
        await expect(studio.get_by_role("heading", name="Sign in to go live")).to_be_visible()
        assert own["rtmp_server"] not in await studio.content()


async def test_a_gift_is_sent_by_keyboard_alone(house: House) -> None:
    token, stream = await house.go_live("nils")
    async with house.visitor(PHONE) as viewer:
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await page.get_by_role("button", name="Gifts").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#panel")).to_be_focused()
        await page.locator('[data-gift="1"]').focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Username")).to_be_focused()
        await page.keyboard.type("ben")
        await page.keyboard.press("Enter")
        await expect(page.locator("#account")).to_contain_text("ben")
        await expect(page.locator('[data-gift="1"]')).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice")).to_have_text("You sent Rose.")
        await page.get_by_role("button", name="Get coins").focus()
        await page.keyboard.press("Enter")
        await page.locator(".package").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".notice")).to_contain_text("coins added.")
        await expect(page.get_by_role("button", name="Get coins")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(page.locator("#panel")).not_to_be_visible()
        await expect(page.get_by_role("button", name="Gifts")).to_be_focused()
        await page.get_by_role("button", name="Gifts").press("Enter")
        await page.get_by_role("button", name="Sign out").press("Enter")
        await expect(page.locator("#account").get_by_role("button", name="Sign in")).to_be_focused()
    await house.end(token, stream)


async def test_a_combo_grows_in_the_banner_and_a_tap_counts_once(house: House) -> None:
    token, stream = await house.go_live("konrad")
    async with house.visitor() as sender, house.visitor(PHONE, reduced_motion=True) as viewer:
        pages = (sender.page, viewer.page)
        for page in pages:
            await page.goto(f"{house.base}/watch/{stream['id']}")
        await sign_in_from_the_panel(sender.page, "ben")
        await expect(viewer.page.locator(".badge .viewer-count")).to_have_text("2")
        for taps in (1, 2, 3):
            await sender.page.locator('[data-gift="1"]').click()
            for page in pages:
                await expect(page.locator(".banner .times")).to_have_text(f"×{taps}")
        for page in pages:
            await expect(page.locator(".coin-count")).to_have_text("3")
            await expect(page.locator(".feed li")).to_have_count(3)
    await house.end(token, stream)


@pytest.mark.usefixtures("within_one_half_hour")
async def test_top_givers_of_the_stream_and_of_its_host(house: House) -> None:
    host = await house.platform.sign_in("olga")
    host_id = (await house.platform.done("api/showUserDetail", host))["User"]["id"]
    await house.give("givera", 9, receiver_id=host_id)
    token, stream = await house.go_live("olga")
    for coins, name in enumerate(("giverf", "givere", "giverd", "giverc", "giverb"), 1):
        await house.give(name, coins, live_streaming_id=stream["id"])
    async with house.visitor(PHONE, reduced_motion=True) as viewer:
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await page.get_by_role("button", name="Gifts").click()
        board = page.get_by_role("list", name="Top givers").get_by_role("listitem")
        await expect(board).to_have_text(
            [re.compile(f"giver{letter}.*{5 - at} coin") for at, letter in enumerate("bcdef")]
        )
        period = page.get_by_role("combobox", name="Period of the top givers")
        for choice in ("Today", "This week", "All time"):
            await period.select_option(choice)
            await expect(board).to_have_text([re.compile(f"giver{letter}") for letter in "abcde"])
            await expect(board.first).to_contain_text("9 coins")
        await expect(page.locator(".own-place")).to_be_hidden()
        await sign_in_from_the_panel(page, "giverf")
        await expect(page.locator(".own-place")).to_have_text("You are number 6, with 1 coin.")
        assert await violations(page) == {}
        await house.give("giverf", 10, live_streaming_id=stream["id"])
        await expect(board.first).to_contain_text("giverf", timeout=COMES_MS)
        await expect(page.locator(".own-place")).to_be_hidden()
        await house.end(token, stream)

        await page.goto(f"{house.base}/watch/{stream['id']}")
        await page.set_viewport_size(DESKTOP)
        await expect(board).to_have_count(5)
        await expect(board.first).to_contain_text("giverf")
        await page.goto(f"{house.base}/@olga")
        week = page.get_by_role("region", name="Top givers this week").get_by_role("link")
        await expect(week).to_have_text([re.compile(f"giver{letter}") for letter in "fabcd"])
        assert await violations(page) == {}
        await page.goto(f"{house.base}/@givera")
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.get_by_role("region", name="Top givers this week")).to_be_hidden()


async def test_scripts_cannot_read_the_session(house: House) -> None:
    async with house.visitor() as visitor:
        await visitor.page.goto(f"{house.base}/studio")
        await sign_in(visitor.page, visitor.page.locator("#guest"), "iris")
        assert await visitor.page.evaluate("document.cookie") == ""
        profile = await visitor.page.evaluate(
            "fetch('/api/showUserDetail', {method: 'POST', body: '{}'}).then(answer => answer.json())"
        )
        assert profile["msg"]["User"]["username"] == "iris"
        assert profile["msg"]["User"]["auth_token"] == ""
        [cookie] = await visitor.page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")


async def test_a_session_token_signs_in_too_and_a_wrong_one_does_not(house: House) -> None:
    token = await house.platform.sign_in("olga")
    async with house.visitor() as visitor:
        page = visitor.page
        await page.goto(f"{house.base}/studio")
        await page.locator("#guest").get_by_role("button", name="Token").click()
        await page.get_by_label("Session token").fill(token)
        await page.get_by_label("Session token").press("Enter")
        await expect(page.locator("#account")).to_contain_text("olga")
    async with house.platform.session.post(
        f"{house.base}/session", json={"auth_token": f"{token}x"}, headers={"Origin": house.base}
    ) as response:
        assert response.status == 401
        assert (await response.json())["message"] == "This session token is not valid here. Get a new one."
        assert "Set-Cookie" not in response.headers


async def test_the_cookie_is_secure_where_the_page_came_over_https(house: House) -> None:
    port = house.platform.run["http_port"]
    async with house.platform.session.post(
        f"{house.base}/session", json={"name": "sol"}, headers={"Origin": f"https://localhost:{port}"}
    ) as response:
        cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-")
    assert "; Secure" in cookie


OWN = "own"
ELSEWHERE = ("https://elsewhere.example", "http://localhost:1", "null", "")


@pytest.mark.parametrize("origin", [OWN, None, *ELSEWHERE])
async def test_the_cookie_counts_only_for_our_own_origin(house: House, origin: str | None) -> None:
    cookie = await house.signed_in("paul")
    headers = {"Cookie": cookie} | ({} if origin is None else {"Origin": house.base if origin == OWN else origin})
    session = house.platform.session
    ours = origin == OWN
    async with session.post(f"{house.base}/api/liveStream", json={"title": "x"}, headers=headers) as response:
        if origin in ELSEWHERE:
            assert response.status == 403
        else:
            assert json.loads(await response.read())["code"] == (200 if ours else 401)
    for method in ("POST", "DELETE"):
        async with session.request(method, f"{house.base}/session", json={"name": "eve"}, headers=headers) as response:
            assert response.status == (200 if ours else 403)
            assert ("Set-Cookie" in response.headers) is ours
    if not ours:
        return
    async with session.get(f"{house.base}/studio/current", headers=headers) as response:
        stream = (await response.json())["stream"]
    await house.end(await house.platform.sign_in("paul"), stream)


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), (None, 200), ("same-site", 403), ("cross-site", 403)]
)
async def test_the_stream_key_is_told_to_our_own_pages_only(house: House, site: str | None, status: int) -> None:
    headers = {"Cookie": await house.signed_in("quinn")} | ({"Sec-Fetch-Site": site} if site else {})
    for path in ("/studio/current", "/studio/phone.svg"):
        async with house.platform.session.get(f"{house.base}{path}", headers=headers) as response:
            assert response.status == (404 if status == 200 and path.endswith("svg") else status)
            assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(("origin", "role"), [(OWN, "viewer"), (None, "guest")])
async def test_the_live_socket_accepts_the_cookie_of_our_pages_only(
    house: House, origin: str | None, role: str
) -> None:
    token, stream = await house.go_live("ruth")
    headers = {"Cookie": await house.signed_in("sam")}
    if origin is not None:
        headers["Origin"] = house.base if origin == OWN else origin
    async with house.platform.session.ws_connect(f"{house.base}/ws/live/{stream['id']}", headers=headers) as socket:
        assert (await socket.receive_json())["you"]["role"] == role
    await house.end(token, stream)


async def test_live_tells_of_public_streams_on_air(house: House) -> None:
    token, stream = await house.go_live("tess", title="On air")
    await house.go_live("uma", title="Not yet")
    secret_token, secret = await house.go_live("vera", title="Secret", visibility="private")
    async with publisher(stream["rtmp_url"]), publisher(secret["rtmp_url"]):
        await asyncio.gather(
            house.platform.becomes(stream["id"], "live"),
            until(lambda: is_live(house, secret["id"]), what="the private stream"),
        )
        await until(lambda: on_air(house), what="a stream in /live")
        [item] = await live(house)
        assert item["id"] == stream["id"]
        assert (item["username"], item["title"], item["status"]) == ("tess", "On air", "live")
        assert item["watch_url"] == f"{house.base}/watch/{stream['id']}"
        assert item["playback_url"] == stream["playback_url"]
        assert item["websocket_url"] == stream["websocket_url"]
        for who, status in ((None, 403), ("vera", 200)):
            headers = {"Cookie": await house.signed_in(who)} if who else {}
            async with house.platform.session.get(f"{house.base}/watch/{secret['id']}", headers=headers) as response:
                assert response.status == status
                assert ("Secret" in await response.text()) is (status == 200)
        await asyncio.gather(house.end(token, stream), house.end(secret_token, secret))


async def test_the_player_is_loaded_ahead_where_it_is_used_at_once(house: House) -> None:
    token, stream = await house.go_live("xenia")
    page = f"{house.base}/watch/{stream['id']}"
    assert not await loads_ahead(house, page)
    async with publisher(stream["rtmp_url"]):
        await house.platform.becomes(stream["id"], "live")
        assert await loads_ahead(house, page)
        assert not await loads_ahead(house, f"{page}?low")
        await house.end(token, stream)


@pytest.mark.parametrize("path", ["/watch/999999", "/watch/0", "/watch/x", "/watch/99999999999999999999"])
async def test_a_stream_that_does_not_exist_is_a_page_that_says_so(house: House, path: str) -> None:
    async with house.platform.session.get(f"{house.base}{path}") as response:
        assert response.status == 404
        assert "There is no such stream" in await response.text()


@pytest.mark.parametrize(
    "path", ["/nowhere", "/watch", "/watch/", "/static/pages/none.js", "/media/none.mp4", "/media/"]
)
async def test_an_address_without_a_page_is_a_page_that_says_so(house: House, path: str) -> None:
    async with house.platform.session.get(f"{house.base}{path}", headers={"Accept": "text/html,*/*;q=0.8"}) as response:
        status, html = response.status, await response.text()
        assert "max-age" not in response.headers["Cache-Control"]
    title = "There is nothing here"
    assert status == 404
    assert '<html lang="en"' in html
    assert f"<title>{title} · Stagedoor</title>" in html
    assert f"<h1>{title}</h1>" in html
    assert "og:image" not in html
    async with house.platform.session.get(f"{house.base}{path}") as response:
        assert (response.status, response.content_type) == (status, "text/plain")


async def test_a_foreign_name_is_refused_with_a_page_and_to_an_app_with_an_envelope(house: House) -> None:
    session, foreign = house.platform.session, {"Host": "evil.example"}
    async with session.get(f"{house.base}/", headers={"Accept": "text/html", **foreign}) as response:
        assert (response.status, response.content_type) == (421, "text/html")
        assert "answers to local names only" in await response.text()
    async with session.post(f"{house.base}/api/showGifts", headers=foreign) as response:
        assert (response.status, (await response.json())["code"]) == (421, 400)


async def test_the_host_of_a_private_stream_may_sign_in_at_its_page_and_is_told_that_no_viewer_sees_it(
    house: House,
) -> None:
    _, stream = await house.go_live("priya", title="Behind the curtain", visibility="private")
    async with house.visitor() as host, publisher(stream["rtmp_url"]):
        page = host.page
        await until(lambda: is_live(house, stream["id"]), what="the private stream")
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await expect(page.get_by_role("heading", level=1)).to_have_text("This stream is private")
        assert all(" 403 " in problem for problem in host.problems)
        host.problems.clear()
        await page.locator("#enter").click()
        await page.get_by_role("dialog").get_by_label("Username").fill("priya")
        await page.get_by_role("dialog").get_by_role("button", name="Sign in").first.click()
        await expect(page.locator(".state")).to_contain_text("Only public streams can be watched so far.")
        await page.goto(f"{house.base}/studio")
        await expect(page.locator("#media")).to_contain_text("viewers cannot watch it", timeout=COMES_MS)
        token = await house.platform.sign_in("priya")
        await house.end(token, stream)


async def test_gifts_are_within_reach_in_full_screen_and_shown_above_the_sheet(house: House) -> None:
    token, stream = await house.go_live("fatma")
    async with house.visitor(PHONE) as viewer, publisher(stream["rtmp_url"]):
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await plays(page)
        await page.get_by_role("button", name="Full screen").click()
        await page.get_by_role("button", name="Gifts", exact=True).click()
        await sign_in_from_the_panel(page, "farid")
        assert await page.evaluate("document.fullscreenElement !== null")
        await page.get_by_role("button", name="Get coins").click()
        await page.locator(".package").first.click()
        banner, panel = page.locator(".banner"), page.locator("#panel")
        await expect(page.locator(".notice")).to_contain_text("coins added.")
        await page.locator('[data-gift="1"]').click()
        await expect(banner).to_contain_text("farid")

        async def is_above() -> bool:
            [over, under] = [await place.bounding_box() for place in (banner, panel)]
            assert over is not None
            assert under is not None
            return over["y"] + over["height"] <= under["y"]

        await until(is_above, what="the banner comes to rest above the sheet")
        await house.end(token, stream)


async def test_a_title_is_shown_in_its_own_direction_and_whole_when_it_is_tapped(house: House) -> None:
    title = "غروب الشمس فوق المدينة القديمة، من سطح البيت، مع موسيقى وحكايات قصيرة!"
    token, stream = await house.go_live("salma", title=title)
    async with house.visitor(PHONE) as viewer:
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        words = page.locator(".top .host .words span")
        assert await words.evaluate("words => getComputedStyle(words).direction") == "rtl"
        assert await words.evaluate("words => words.scrollWidth > words.clientWidth")
        await page.locator(".top .host").click()
        await expect(page.locator(".top .host")).to_have_attribute("aria-expanded", "true")
        assert await words.evaluate("words => words.scrollWidth <= words.clientWidth")
    await house.end(token, stream)


NO_MICROPHONE = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
  wanted.audio ? Promise.reject(new DOMException("none", "NotFoundError")) : real(wanted);
"""
NO_CAMERA = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
"""As on a page loaded over plain http from another machine."""


@pytest.mark.parametrize("script", [NO_MICROPHONE, NO_CAMERA])
async def test_the_studio_says_what_this_browser_cannot_send(house: House, script: str) -> None:
    async with house.visitor(PHONE) as host:
        studio = host.page
        await studio.add_init_script(script)
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "mute" if script == NO_MICROPHONE else "blind")
        assert await studio.locator("h2:focus").evaluate("h2 => getComputedStyle(h2).outlineStyle") == "none"
        await studio.get_by_role("button", name="Go live").click()
        if script == NO_CAMERA:
            await expect(studio.get_by_text("open this page over HTTPS or on localhost")).to_be_visible()
            await studio.get_by_role("button", name="Show key").click()
            app = studio.get_by_role("link", name="Open in Larix Broadcaster")
            await expect(app).to_have_attribute("href", re.compile(r"^larix://set/v1\?conn\[\]\[url\]=rtmp%3A"))
        else:
            await studio.get_by_role("button", name="Use this camera").click()
            await expect(studio.locator("#camera-hint")).to_contain_text("No microphone found")
            await studio.get_by_role("button", name="Go on air").click()
            await expect(studio.locator("#state")).to_contain_text("You are live", timeout=COMES_MS)
        await studio.get_by_role("button", name="End stream").click()
        await studio.get_by_role("dialog").get_by_role("button", name="End stream").click()
        await expect(studio.locator("#over")).to_be_visible()


async def test_a_title_with_markup_stays_text(house: House) -> None:
    title = """</title><script>alert(1)</script>"'><img src=x onerror=alert(2)>"""
    token, stream = await house.go_live("wanda", title=title)
    async with house.visitor() as visitor:
        await visitor.page.goto(f"{house.base}/watch/{stream['id']}")
        await expect(visitor.page.locator(".about")).to_contain_text(title)
        assert await visitor.page.locator("script:not([src])").count() == 0
    await house.end(token, stream)


@pytest.mark.parametrize("path", ["/", "/studio", "/upload", "/v/1", "/watch/1", "/watch/999999"])
async def test_pages_keep_to_themselves(house: House, path: str) -> None:
    async with house.platform.session.get(f"{house.base}{path}") as response:
        html = await response.text()
        policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["style-src"]) == ("'none'", "'self'", "'self'")
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
    assert "unsafe" not in str(policy)
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\bsrc=)|\son\w+=", html)
    run = house.platform.run
    allowed = {f"localhost:{run[port]}" for port in ("http_port", "hls_port", "webrtc_port")}
    assert set(re.findall(r"://([^\s/]+)", str(policy["connect-src"]))) == allowed


@pytest.mark.parametrize("path", ["/", "/studio", "/upload", "/account", "/docs", "/nowhere"])
async def test_a_page_is_accessible(house: House, path: str) -> None:
    async with house.visitor(reduced_motion=True) as visitor:
        page = visitor.page
        await page.goto(f"{house.base}{path}")
        await expect(page.locator("#account button, .filter")).to_be_visible()
        assert await violations(page) == {}
        if path == "/nowhere":
            assert all(" 404 " in problem for problem in visitor.problems)
            visitor.problems.clear()


async def test_what_is_not_accessible_is_found_in_each_size_and_scheme(house: House) -> None:
    async with house.visitor(reduced_motion=True) as visitor:
        page = visitor.page
        await page.goto(f"{house.base}/studio")
        await expect(page.locator("#guest")).to_be_visible()
        await page.locator("#guest h2").evaluate("h2 => Object.assign(h2.style, { color: '#888', background: '#777' })")
        found = await violations(page)
    assert len(found) == 4
    assert all("color-contrast" in line and "#guest-title" in line for [line] in found.values())


async def test_the_studio_is_accessible_from_the_first_form_to_the_end(house: House) -> None:
    async with house.visitor(reduced_motion=True) as host:
        studio = host.page
        await studio.goto(f"{house.base}/studio")
        await sign_in(studio, studio.locator("#guest"), "astrid")
        await expect(studio.locator("#start")).to_be_visible()
        assert await violations(studio) == {}
        await studio.get_by_role("button", name="Go live").click()
        await studio.get_by_role("button", name="Show key").click()
        await studio.get_by_role("button", name="Use this camera").click()
        await expect(studio.locator("#mirror")).to_be_visible()
        assert await violations(studio) == {}
        await studio.get_by_role("button", name="Stop this camera").click()
        async with publisher((await current_stream(studio))["rtmp_url"]):
            await expect(studio.locator("#state")).to_contain_text("You are live", timeout=COMES_MS)
            assert await violations(studio) == {}
            await studio.get_by_role("button", name="End stream").click()
            await expect(studio.get_by_role("dialog")).to_be_visible()
            assert await violations(studio) == {}
            await studio.get_by_role("dialog").get_by_role("button", name="End stream").click()
        await expect(studio.locator("#over")).to_be_visible()
        assert await violations(studio) == {}


async def test_the_watch_page_and_a_card_of_it_are_accessible(house: House) -> None:
    token, stream = await house.go_live("astor", title="Open to all")
    async with house.visitor(PHONE, reduced_motion=True) as viewer, house.visitor(reduced_motion=True) as passer_by:
        page = viewer.page
        await page.goto(f"{house.base}/watch/{stream['id']}")
        await becomes(page, "waiting")
        await page.get_by_role("button", name="Gifts").click()
        await page.locator("#account").get_by_role("button", name="Sign in").click()
        assert await violations(page) == {}
        await sign_in(page, page.get_by_role("dialog"), "asta")
        await page.get_by_role("button", name="Get coins").click()
        await page.locator(".package").first.click()
        await expect(page.locator(".notice")).to_contain_text("coins added.")
        await page.get_by_role("button", name="Get coins").click()
        await expect(page.locator(".package").first).to_be_visible()
        async with publisher(stream["rtmp_url"]):
            await plays(page)
            await page.locator('[data-gift="1"]').click()
            await expect(page.locator(".banner")).to_be_visible()
            assert await violations(page) == {}
            await passer_by.page.goto(house.base)
            await expect(passer_by.page.get_by_role("link", name=re.compile("Open to all"))).to_be_visible()
            assert await violations(passer_by.page) == {}
            await house.end(token, stream)
        await becomes(page, "ended")
        assert await violations(page) == {}


async def test_the_player_is_the_pinned_one_from_our_own_address(house: House) -> None:
    for encoding in ("gzip", "identity"):
        async with house.platform.session.get(
            f"{house.base}/static/vendor/hls.min.js", headers={"Accept-Encoding": encoding}
        ) as response:
            assert response.status == 200
            assert response.headers.get("Content-Encoding", "identity") == encoding
            assert "Hls" in await response.text()


@pytest.mark.skipif("STAGEDOOR_SCREENSHOTS" not in os.environ, reason="makes the picture of the README when asked to")
async def test_the_picture_of_the_readme(house: House, tmp_path: Path) -> None:
    whole = tmp_path / "watch.png"
    token, stream = await house.go_live("ada", title="Ember, live from the studio")
    senders = await asyncio.gather(*(house.platform.sign_in(name) for name in ("ben", "carla", "emil")))
    async with house.visitor() as viewer, clip(house.platform.data_dir / "media/samples/ember.mp4", stream["rtmp_url"]):
        await viewer.page.goto(f"{house.base}/watch/{stream['id']}")
        await sign_in_from_the_panel(viewer.page, "dev")
        await plays(viewer.page)
        await until(lambda: glows(viewer.page), what="the bright part of the clip")
        for sender, (gift_id, count) in zip(senders, ((2, 5), (7, 1), (11, 1)), strict=True):
            await house.platform.done(
                "api/sendGift",
                sender,
                receiver_id=str(stream["user_id"]),
                gift_id=str(gift_id),
                gift_count=count,
                live_streaming_id=stream["id"],
            )
        await expect(viewer.page.locator(".banner")).to_have_count(3)
        await viewer.page.locator(".great").evaluate(STAND_STILL)
        await expect(viewer.page.locator(".top-gifters li")).to_have_count(3)
        await viewer.page.screenshot(path=whole)
        await house.end(token, stream)
    SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
    await ffmpeg.run(["-y", "-i", str(whole), "-vf", FEWER_COLOURS, str(SCREENSHOT)], "fewer colours", 30)
    assert SCREENSHOT.stat().st_size < SCREENSHOT_BYTES_MAX


@asynccontextmanager
async def clip(file: Path, address: str) -> AsyncIterator[None]:
    """Publish a sample video in a loop."""
    process = await ffmpeg.spawn(
        [
            *("-re", "-stream_loop", "-1", "-i", str(file)),
            *("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"),
            *("-c:a", "aac", "-f", "flv", local(address)),
        ]
    )
    try:
        yield
    finally:
        await child.kill(process)


async def sign_in_from_the_panel(page: Page, name: str) -> None:
    await page.locator("#account").get_by_role("button", name="Sign in").click()
    await sign_in(page, page.get_by_role("dialog"), name)


async def current_stream(studio: Page) -> Any:
    return (await studio.evaluate("fetch('/studio/current').then(answer => answer.json())"))["stream"]


async def ever_told(page: Page, *words: str) -> bool:
    return bool(await page.evaluate("everTold") == list(words))


async def key_differs(studio: Page, before: dict[str, Any]) -> bool:
    return bool((await current_stream(studio))["stream_key"] != before["stream_key"])


async def time_is_positive(video: Locator) -> bool:
    return bool(await video.evaluate("video => video.currentTime > 0"))


async def drawn(image: Locator) -> bool:
    return bool(await image.evaluate("image => image.complete && image.naturalWidth > 0"))


async def reloaded(page: Page) -> bool:
    """Whether a new source is loading."""
    return await page.locator("#watch").get_attribute("data-state") == "loading"


async def glows(page: Page) -> bool:
    return await time_of(page) % 8 > 3.5


async def loads_ahead(house: House, page: str) -> bool:
    async with house.platform.session.get(page) as response:
        return "hls.min.js" in await response.text()


async def live(house: House) -> list[dict[str, Any]]:
    async with house.platform.session.get(f"{house.base}/live") as response:
        assert response.headers["Cache-Control"] == "public, max-age=1"
        streams: list[dict[str, Any]] = (await response.json())["streams"]
        return streams


async def on_air(house: House) -> bool:
    return bool(await live(house))


async def is_live(house: House, stream_id: int) -> bool:
    return (await house.platform.streams()).get(stream_id) == "live"
