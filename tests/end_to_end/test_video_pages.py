"""The feed of videos on the home page, the page of a video and uploads, in a real browser, on a phone and a desktop."""

from __future__ import annotations

import asyncio
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Response, Route, ViewportSize, expect

from api.pages.profile import VIDEOS
from control_plane.db.embedded import running_dsn
from control_plane.db.pool import connect
from stagedoor.demo.reactions import COMMENTS
from tests.accessibility import violations
from tests.browser import DESKTOP, PHONE
from tests.control_plane.pictures.samples import quarters, saved
from tests.end_to_end.test_social_pages import Place, both_sizes, expected, names, unread
from tests.end_to_end.test_social_pages import place as place
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

CLIP = Path("media/samples/coast.mp4")
COMES_MS = 30_000
"""Timeout for an upload and its processing, on a busy machine."""
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
    header: float = await page.locator(".site").evaluate("header => header.getBoundingClientRect().bottom")

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
        await expect(clip(page, 9)).to_be_attached()
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


@pytest.mark.parametrize("connection", [{"saveData": True, "effectiveType": "4g"}, {"effectiveType": "3g"}])
async def test_slow_networks_get_the_small_video(place: Place, connection: dict[str, Any]) -> None:
    async def small(route: Route) -> None:
        answer = await (response := await route.fetch()).json()
        for item in answer["msg"]:
            item["Video"]["video_small"] = f"{item['Video']['video']}?small"
        await route.fulfill(response=response, json=answer)

    async with place.guest(PHONE) as guest:
        page = guest.page
        value = json.dumps(connection)
        await page.add_init_script(f"Object.defineProperty(navigator, 'connection', {{ value: {value} }})")
        await page.route("**/api/showRelatedVideos", small)
        await page.goto(place.base)
        await expect(clip(page, 0).locator("video")).to_have_attribute("src", re.compile(r"\?small$"))


async def test_how_long_a_video_was_watched_is_told_when_it_is_left(place: Place) -> None:
    async with place.guest(DESKTOP) as guest:
        page = guest.page
        await page.goto(place.base)
        await expect(clip(page, 9)).to_be_attached()
        await page.keyboard.press("ArrowDown")
        await only_plays(page, 0)
        first = clip(page, 0).locator("video")
        await until(lambda: first.evaluate("video => video.currentTime > 1.2"), what="a second of the video")
        async with page.expect_request("**/api/watchVideo") as told:
            await page.keyboard.press("ArrowDown")
        (watched,) = json.loads((await told.value).post_data or "")["watch_videos"]
        path = await clip(page, 0).locator(".when").get_attribute("href")
        assert path == f"/v/{watched['video_id']}"
        assert 1 < watched["duration"] < 60


async def test_quick_taps_end_with_what_the_last_one_wants(place: Place) -> None:
    (name,) = names(DESKTOP, "zola")
    async with place.user(DESKTOP, name) as visitor:
        page, sent, answers = visitor.page, [], asyncio.Event()
        answered: list[Response] = []
        page.on("response", lambda response: answered.append(response) if "likeVideo" in response.url else None)

        async def slow(route: Route) -> None:
            sent.append(json.loads(route.request.post_data or "")["like"])
            await answers.wait()
            await route.continue_()

        await page.route("**/api/likeVideo", slow)
        await page.goto(f"{place.base}/v/1")
        like = page.locator(".reactions").get_by_role("button", name="Like")
        for pressed in ("true", "false", "true", "false"):
            await like.click()
            await expect(like).to_have_attribute("aria-pressed", pressed)
        answers.set()
        await until(lambda: len(answered) == 2, what="both answers")
        assert sent == [1, 0]
        await page.reload()
        await expect(like).to_have_attribute("aria-pressed", "false")


async def test_an_address_that_has_ended_is_asked_for_once_more(place: Place) -> None:
    async with place.guest(DESKTOP) as guest:
        page = guest.page
        await page.route("**/*.mp4?ended", lambda route: route.fulfill(status=404))
        await page.goto(f"{place.base}/v/1")
        await plays(page.locator("video"))
        await page.locator("video").evaluate("video => { video.src += '?ended'; }")
        await plays(page.locator("video"))
        asked: list[str] = []

        async def gone(route: Route) -> None:
            asked.append(route.request.url)
            await route.fulfill(status=404)

        await page.route("**/*.mp4", gone)
        async with page.expect_request("**/api/showVideoDetail"):
            await page.reload()
        await until(lambda: len(asked) == 2, what="the second attempt")
        await expect(page.locator(".clip .state")).to_contain_text("This video cannot be played now.")
        await page.unroute("**/*.mp4")
        await page.locator(".clip .surface").click()
        await plays(page.locator("video"))
        expected(guest, 404)


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


async def posted(page: Page) -> str:
    """Wait until an upload is posted, and until its page plays it. Returns its path."""
    await expect(page).to_have_url(re.compile(r"/v/\d+$"), timeout=COMES_MS)
    await expect(page.locator(".clip")).to_have_attribute("data-state", "playing", timeout=COMES_MS)
    await plays(page.locator("video"))
    return page.url


@both_sizes
async def test_an_upload_is_posted_reacted_to_edited_and_deleted(place: Place, size: ViewportSize) -> None:
    una, vera = names(size, "una", "vera")
    async with place.user(size, una) as owner, place.user(size, vera) as fan:
        page = owner.page
        await page.goto(f"{place.base}/upload")
        await page.get_by_label("Choose a video").set_input_files(place.platform.data_dir / CLIP)
        await page.get_by_label("Caption").fill(f"From the {size['width']} px window #upload")
        await expect(page.locator(".told")).to_contain_text("Uploaded.")
        assert await violations(page) == {}
        await page.get_by_role("button", name="Post").click()
        video = await posted(page)

        await fan.page.goto(video)
        like = fan.page.locator(".reactions").get_by_role("button", name="Like")
        await like.click()
        await expect(like).to_have_attribute("aria-pressed", "true")
        await expect(like).to_contain_text("1")
        await fan.page.get_by_label("Comment", exact=True).fill("Well done!")
        await fan.page.get_by_label("Comment", exact=True).press("Enter")
        comment = fan.page.locator(".thread")
        await expect(comment).to_contain_text("Well done!")
        await expect(fan.page.locator(".reactions").get_by_role("button", name="Comments")).to_contain_text("1")
        assert await violations(fan.page) == {}

        await expect(unread(page, "Inbox")).to_be_visible()  # the socket has told it
        await page.reload()
        await expect(page.locator(".reactions").get_by_role("button", name="Like")).to_contain_text("1")
        comment = page.locator(".thread")
        await comment.get_by_role("button", name="Reply").click()
        await page.get_by_label("Comment", exact=True).fill("Thank you")
        await page.get_by_role("button", name="Send the comment").click()
        await expect(comment.locator(".replies")).to_contain_text("Thank you")
        await comment.get_by_role("button", name="Options of the comment").first.click()
        await comment.get_by_role("button", name="Pin").click()
        await expect(page.locator(".thread .pinned")).to_be_visible()
        assert await violations(page) == {}

        await page.locator(".reactions").get_by_role("button", name="More").click()
        await page.get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog", name="Edit the video")
        await dialog.get_by_label("Who can see it").select_option("private")
        assert await violations(page) == {}
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog).to_have_count(0)
        await fan.page.goto(video)
        await expect(fan.page.get_by_role("heading", level=1)).to_have_text("There is no such video")
        expected(fan, 404)

        await page.locator(".reactions").get_by_role("button", name="More").click()
        await page.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog", name="Delete this video?").get_by_role("button", name="Delete").click()
        await expect(page).to_have_url(f"{place.base}/")
        await page.goto(video)
        await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such video")
        expected(owner, 404)


async def test_an_upload_continues_after_the_page_was_left(place: Place, tmp_path: Path) -> None:
    (name,) = names(PHONE, "walt")
    file = tmp_path / "long.mp4"
    clip = (place.platform.data_dir / CLIP).read_bytes()
    file.write_bytes(clip + bytes(3 << 20))  # the decoder ignores what follows
    async with place.user(PHONE, name) as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/upload")
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method) if "/uploads" in request.url else None)
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 256 << 10}
        await session.send("Network.emulateNetworkConditions", slow)
        await page.get_by_label("Choose a video").set_input_files(file)
        await expect(page.locator(".told")).to_contain_text(re.compile("[1-9]. % of"), timeout=COMES_MS)
        assert sent == ["POST", "PATCH"]
        await page.reload()
        await session.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
        sent.clear()
        await page.get_by_label("Choose a video").set_input_files(file)
        await expect(page.locator(".told")).to_contain_text("Uploaded.", timeout=COMES_MS)
        assert sent == ["HEAD", "PATCH"], "it continues where it ended"
        await page.get_by_role("button", name="Post").click()
        await posted(page)


async def test_what_is_no_video_is_refused_in_words(place: Place, tmp_path: Path) -> None:
    (name,) = names(PHONE, "xena")
    file = tmp_path / "picture.mp4"
    file.write_bytes(saved(quarters(), "PNG"))
    async with place.user(PHONE, name) as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/upload")
        await page.get_by_role("button", name="Post").click()
        await expect(page.locator("#about").get_by_role("alert")).to_have_text("Choose a video first.")
        await page.get_by_label("Choose a video").set_input_files(file)
        await page.get_by_role("button", name="Post").click()
        await expect(page.locator("#about").get_by_role("alert")).to_contain_text("This is not")
        await expect(page.locator(".told")).to_have_count(0)
        await expect(page.get_by_label("Choose a video")).to_be_attached()
        await expect(page).to_have_url(f"{place.base}/upload")
        expected(visitor, 404)


@both_sizes
async def test_the_position_in_a_video_is_shown_and_set(place: Place, size: ViewportSize) -> None:
    async with place.guest(size) as guest:
        page = guest.page
        await page.goto(f"{place.base}/v/1")
        video, position = page.locator("video"), page.get_by_label("Position")
        await plays(video)
        await page.keyboard.press("k")
        await expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        await position.fill("1.5")
        assert 1.4 < await video.evaluate("video => video.currentTime") < 1.6
        await expect(position).to_have_attribute("aria-valuetext", re.compile("^0:01 of 0:0[5-9]$"))
        await position.press("ArrowLeft")
        assert await video.evaluate("video => video.currentTime") == 0
        await page.locator("body").press("ArrowRight")
        assert await video.evaluate("video => video.currentTime") == 5
        await expect(position).to_have_attribute("aria-valuetext", re.compile("^0:05 of"))
        assert await violations(page) == {}


@both_sizes
async def test_an_owner_edits_and_pins_in_the_feed(place: Place, size: ViewportSize) -> None:
    async with place.guest(size) as guest:
        newest = await place.call(guest, "showRelatedVideos", starting_point=0)
    assert isinstance(newest, list)
    before = newest[0]["Video"]["description"]
    async with place.user(size, newest[0]["User"]["username"]) as owner:
        page = owner.page
        await page.goto(place.base)
        first = clip(page, 0)
        await expect(first).to_be_attached()
        await page.keyboard.press("ArrowDown")
        captions = [before, "One line", "So many words. " * 60, "The end"]
        for said, caption in pairwise(captions):
            await first.get_by_role("button", name="More", exact=True).click()
            await page.get_by_role("button", name="Edit").click()
            dialog = page.get_by_role("dialog", name="Edit the video")
            await expect(dialog.get_by_label("Caption")).to_have_value(said.strip())
            await dialog.get_by_label("Caption").fill(caption)
            await dialog.get_by_role("button", name="Save").click()
            await expect(first.locator(".caption")).to_have_text(caption.strip())
            whole = first.get_by_role("button", name="more", exact=True)
            if len(caption) < 100:
                await expect(whole).to_be_hidden()
                continue
            await whole.click()
            assert await first.locator(".caption").evaluate("caption => caption.clientHeight") > 100
            assert await violations(page) == {}
            await first.get_by_role("button", name="less", exact=True).click()
            assert await first.locator(".caption").evaluate("caption => caption.clientHeight") < 100

        comments, sheet = first.get_by_role("button", name="Comments"), page.get_by_role("dialog", name="Comments")
        await comments.click()
        text = f"From {size['width']} px"
        for _ in range(2):  # the second one is the first one again
            await sheet.get_by_label("Comment", exact=True).fill(text)
            await sheet.get_by_label("Comment", exact=True).press("Enter")
            await expect(sheet.get_by_label("Comment", exact=True)).to_have_value("")
        await expect(sheet.get_by_text(text)).to_have_count(1)
        await sheet.get_by_role("button", name="Options of the comment").first.click()
        await sheet.get_by_role("button", name="Pin").click()
        await expect(sheet.locator(".pinned")).to_be_visible()
        await sheet.get_by_role("button", name="Close").click()
        await comments.click()
        await expect(sheet.locator(".pinned")).to_be_visible()


async def test_the_author_of_an_answered_reply_is_told(place: Place) -> None:
    first, second = names(PHONE, "abe", "bea")
    async with place.user(PHONE, first) as abe, place.user(PHONE, second) as bea:
        root = await place.call(abe, "postCommentOnVideo", video_id=4, comment="Where is this?")
        assert isinstance(root, dict)
        await place.call(bea, "postCommentReply", video_id=4, comment_id=root["VideoComment"]["id"], comment="At home")
        page = abe.page
        await page.goto(f"{place.base}/v/4")
        thread = page.locator(".thread", has_text="Where is this?")
        await thread.locator(".replies").get_by_role("button", name="Reply").click()
        await expect(page.locator(".answers")).to_contain_text(f"Reply to {second}")
        text = page.get_by_label("Comment", exact=True)
        await expect(text).to_have_value(f"@{second} ")
        await text.press_sequentially("Nice")
        await text.press("Enter")
        await expect(thread.locator(".replies > li")).to_have_count(2)

        async def told() -> bool:
            entries = await place.call(bea, "showAllNotifications", starting_point=0)
            assert isinstance(entries, list)
            return "replied" in str([entry["Notification"]["string"] for entry in entries])

        await until(told, what="the entry in the inbox")


async def test_comments_that_could_not_be_read_are_asked_for_again(place: Place) -> None:
    async with place.guest(PHONE) as guest:
        page = guest.page
        await page.route("**/api/showVideoComments", lambda route: route.fulfill(status=503, body="down"))
        await page.goto(f"{place.base}/v/1")
        again = page.get_by_role("button", name="Try again")
        await expect(again).to_be_visible()
        await page.unroute("**/api/showVideoComments")
        await again.click()
        await expect(page.get_by_text(COMMENTS[0][0].text)).to_be_visible()
        expected(guest, 503)


async def test_all_videos_of_a_profile_can_be_reached(place: Place) -> None:
    (name,) = names(PHONE, "zoe")
    async with place.user(PHONE, name) as owner:
        dsn = running_dsn(place.platform.data_dir)
        assert dsn is not None
        database = await connect(dsn)
        await database.execute(
            """
                insert into video (user_id, content_id, privacy)  -- private: in no feed
                select app_user.id, (select content_id from video where id = 1), 'private'
                from app_user, generate_series(1, $2) where username = $1
            """,
            name,
            VIDEOS + 2,
        )
        await database.close()
        page = owner.page
        await place.profile(page, name)
        await expect(page.locator(".videos li")).to_have_count(VIDEOS)
        await page.get_by_role("button", name="Show more").click()
        await expect(page.locator(".videos li")).to_have_count(VIDEOS + 2)
        await expect(page.get_by_role("button", name="Show more")).to_be_hidden()


@both_sizes
async def test_a_profile_has_what_the_user_reposted_liked_and_saved(place: Place, size: ViewportSize) -> None:
    (name,) = names(size, "yuri")
    async with place.user(size, name) as owner, place.guest(size) as guest:
        for endpoint, video_id in (("repostVideo", 1), ("likeVideo", 2), ("addVideoFavourite", 3)):
            await place.call(owner, endpoint, video_id=video_id)
        page = owner.page
        await place.profile(page, name)
        links = page.locator(".videos a")
        await expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
        for tab, video_id in (("Reposts", 1), ("Liked", 2), ("Saved", 3)):
            button = page.get_by_role("button", name=tab, exact=True)
            await button.click()
            await expect(button).to_have_attribute("aria-pressed", "true")
            await expect(links).to_have_count(1)
            await expect(links).to_have_attribute("href", f"/v/{video_id}")
            assert await violations(page) == {}
        await place.call(owner, "addVideoFavourite", video_id=3)
        await page.get_by_role("button", name="Saved", exact=True).click()
        await expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()

        await place.profile(guest.page, name)
        await guest.page.get_by_role("button", name="Reposts", exact=True).click()
        await expect(guest.page.locator(".videos a")).to_have_attribute("href", "/v/1")
        await expect(guest.page.get_by_role("button", name="Saved", exact=True)).to_have_count(0)
        await place.call(owner, "addPrivacySetting", liked_videos="only_me")
        await guest.page.get_by_role("button", name="Liked", exact=True).click()
        alert = guest.page.locator("#content").get_by_role("alert")
        await expect(alert).to_have_text("This user does not show liked videos to others.")
        await expect(guest.page.get_by_role("button", name="Show more")).to_be_hidden()


@both_sizes
async def test_a_guest_signs_in_to_comment_on_a_video_of_the_feed(place: Place, size: ViewportSize) -> None:
    (name,) = names(size, "yara")
    async with place.guest(size) as guest:
        page = guest.page
        await page.goto(place.base)
        await clip(page, 0).get_by_role("button", name="Comments").click()
        sheet = page.get_by_role("dialog", name="Comments")
        await sheet.get_by_role("button", name="Sign in to comment").click()
        await page.locator("#sign-in").get_by_label("Username").fill(name)
        await page.locator("#sign-in").get_by_label("Username").press("Enter")
        await sheet.get_by_label("Comment", exact=True).fill("Nice")
        await sheet.get_by_label("Comment", exact=True).press("Enter")
        await expect(sheet.locator(".comment-list")).to_contain_text("Nice")
        assert await violations(page) == {}
