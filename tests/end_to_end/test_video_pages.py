"""The feed of videos on the home page, the page of a video and uploads, in a real browser, on a phone and a desktop."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from tests.accessibility import violations
from tests.browser import PHONE
from tests.end_to_end.test_social_pages import Place, both_sizes
from tests.end_to_end.test_social_pages import place as place
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

SOURCE = re.compile(r"^/(media|videos)/")
STATES = "videos => videos.map(video => [video.hasAttribute('src'), !video.paused, video.muted])"


def clip(page: Page, number: int) -> Locator:
    return page.locator("#feed > li").nth(number)


async def plays(video: Locator) -> None:
    """Wait until the video advances and frames are decoded."""

    async def moves() -> bool:
        return bool(await video.evaluate("video => !video.paused && video.currentTime > 0 && video.videoWidth > 0"))

    await until(moves, what="the video's time")


async def only_plays(page: Page, number: int) -> None:
    """Wait until the window stops at this video. It plays and the next one is loaded; no other one plays, and those farther
    away are not loaded."""
    header = await page.locator(".site").evaluate("header => header.getBoundingClientRect().bottom")

    async def stopped() -> bool:
        top: float = await clip(page, number).evaluate("clip => clip.getBoundingClientRect().top")
        return abs(top - header) < 2

    await until(stopped, what=f"video {number} in view")
    await plays(clip(page, number).locator("video"))
    await expect(clip(page, number + 1).locator("video")).to_have_attribute("src", SOURCE)
    states = await page.locator("#feed video").evaluate_all(STATES)
    assert [place for place, (_, playing, _) in enumerate(states) if playing] == [number]
    loaded = {place for place, (has_source, _, _) in enumerate(states) if has_source}
    assert loaded <= {number - 1, number, number + 1}


async def swipe(page: Page, size: ViewportSize) -> None:
    """Scroll more than half a window down: by finger on a phone, by wheel on a desktop."""
    x, y, distance = size["width"] // 2, size["height"] * 3 // 4, size["height"] * 6 // 10
    if size == PHONE:
        session = await page.context.new_cdp_session(page)

        async def touch(kind: str, *at: int) -> None:
            points = [{"x": x, "y": place} for place in at]
            await session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        await touch("touchStart", y)
        for moved in range(0, distance, 25):
            await touch("touchMove", y - moved)
        await touch("touchEnd")
    else:
        await page.mouse.move(x, y)
        await page.mouse.wheel(0, distance)


@both_sizes
async def test_the_feed_stops_at_each_video_and_loads_the_next(place: Place, size: ViewportSize) -> None:
    async with place.guest(size) as guest:
        page = guest.page
        await page.goto(place.base)
        await expect(clip(page, 9)).to_be_attached()
        assert await violations(page) == {}
        await page.keyboard.press("ArrowDown")
        await only_plays(page, 0)
        await swipe(page, size)
        await only_plays(page, 1)
        await page.keyboard.press("PageDown")
        await only_plays(page, 2)
        await page.keyboard.press("ArrowUp")
        await only_plays(page, 1)
        for number in range(2, 9):
            await page.keyboard.press("ArrowDown")
            await only_plays(page, number)
        await expect(clip(page, 19)).to_be_attached()  # the next page


@both_sizes
async def test_a_tap_turns_the_sound_on_and_the_next_one_pauses(place: Place, size: ViewportSize) -> None:
    async with place.guest(size) as guest:
        page = guest.page
        await page.goto(place.base)
        await page.keyboard.press("ArrowDown")
        await only_plays(page, 0)
        muted = "videos => videos.filter(video => video.muted).length"
        videos, first = page.locator("#feed video"), clip(page, 0)
        assert await videos.evaluate_all(muted) == await videos.count()
        await first.locator(".surface").click()
        assert await videos.evaluate_all(muted) == 0
        await first.locator(".surface").click()
        await expect(first.get_by_role("button", name="Play", exact=True)).to_be_visible()
        assert await violations(page) == {}
        await page.keyboard.press("k")
        await plays(first.locator("video"))
        await page.keyboard.press("m")
        assert await videos.evaluate_all(muted) == await videos.count()
        await page.keyboard.press("ArrowDown")
        await only_plays(page, 1)


@both_sizes
async def test_a_profile_leads_to_the_page_of_a_video(place: Place, size: ViewportSize) -> None:
    async with place.guest(size) as guest:
        page = guest.page
        await place.profile(page, "ada")
        await page.get_by_role("link", name=re.compile("Wet on wet.* views")).click()
        await expect(page).to_have_url(re.compile(r"/v/\d+$"))
        await plays(page.locator("video"))
        await expect(page.locator("#about")).to_contain_text("Wet on wet, very wet #watercolour #sunday")
        assert await violations(page) == {}
        await page.get_by_role("link", name="ada").first.click()
        await expect(page).to_have_url(f"{place.base}/@ada")
