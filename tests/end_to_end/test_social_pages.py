"""Profiles, the inbox and messages, in a real browser with two people, on a phone and a desktop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, Route, ViewportSize, expect

from control_plane.db.embedded import running_dsn
from control_plane.db.pool import connect
from tests.accessibility import violations
from tests.browser import DESKTOP, PHONE, Visitor, visiting
from tests.control_plane.pictures.samples import quarters, saved
from tests.end_to_end.platform import Stagedoor

pytestmark = pytest.mark.timeout(180)

both_sizes = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@dataclass(frozen=True, slots=True)
class Place:
    platform: Stagedoor
    browser: Browser

    @property
    def base(self) -> str:
        return f"http://localhost:{self.platform.run['http_port']}"

    @asynccontextmanager
    async def guest(self, size: ViewportSize) -> AsyncIterator[Visitor]:
        hosts = [f"localhost:{self.platform.run['http_port']}"]
        async with visiting(self.browser, hosts, [], size, reduced_motion=True) as visitor:
            yield visitor

    @asynccontextmanager
    async def user(self, size: ViewportSize, name: str) -> AsyncIterator[Visitor]:
        """A visitor who is signed in."""
        async with self.guest(size) as visitor:
            origin = {"Origin": self.base}
            answer = await visitor.page.request.post(f"{self.base}/session", data={"name": name}, headers=origin)
            assert answer.ok
            yield visitor

    async def call(self, visitor: Visitor, endpoint: str, **body: object) -> object:
        """Call an endpoint as the visitor."""
        origin = {"Origin": self.base}
        answer = await visitor.page.request.post(f"{self.base}/api/{endpoint}", data=body, headers=origin)
        answered = await answer.json()
        assert answered["code"] == 200, answered
        return answered["msg"]

    async def profile(self, page: Page, name: str) -> None:
        await page.goto(f"{self.base}/@{name}")


@pytest_asyncio.fixture(loop_scope="session")
async def place(stagedoor: Stagedoor, browser: Browser) -> Place:
    return Place(stagedoor, browser)


def names(size: ViewportSize, *starts: str) -> list[str]:
    """Users of one size, because the platform is shared."""
    return [f"{start}{size['width']}" for start in starts]


def expected(visitor: Visitor, status: int) -> None:
    """The browser writes each refusal to its console. Fails if there was another problem, or none."""
    assert visitor.problems
    assert all(f" {status} " in problem for problem in visitor.problems), visitor.problems
    visitor.problems.clear()


def unread(page: Page, link: str) -> Locator:
    return page.locator("#account").get_by_role("link", name=link).locator(".count")


@both_sizes
async def test_a_follow_appears_at_once_as_an_unread_number_and_in_the_inbox(place: Place, size: ViewportSize) -> None:
    ann, bob = names(size, "ann", "bob")
    async with place.user(size, ann) as star, place.user(size, bob) as fan:
        await star.page.goto(place.base)
        await expect(star.page.locator("#account").get_by_role("link", name="Inbox")).to_be_visible()
        await place.profile(fan.page, ann)
        await fan.page.get_by_role("button", name="Follow", exact=True).click()
        following = fan.page.locator(".follow", has_text="Following")
        await expect(following).to_be_focused()
        await expect(fan.page.get_by_role("button", name="1 follower")).to_be_visible()
        assert await violations(fan.page) == {}

        await expect(unread(star.page, "Inbox, 1 unread")).to_have_text("1")
        await star.page.get_by_role("link", name="Inbox, 1 unread").click()
        entry = star.page.locator("#told li")
        await expect(entry).to_contain_text(f"{bob} started following you.")
        await expect(entry).to_contain_text("New")
        await expect(unread(star.page, "Inbox")).to_be_hidden()  # this page marks it as read
        assert await violations(star.page) == {}

        await entry.get_by_role("link").click()
        await expect(star.page.get_by_role("heading", level=1)).to_have_text(bob)
        await star.page.get_by_role("button", name="Follow back").click()
        await expect(star.page.locator(".follow", has_text="Friends")).to_be_focused()
        await expect(fan.page.locator(".follow", has_text="Friends")).to_be_visible()  # the socket has told it
        await star.page.get_by_role("button", name="1 follower").click()
        await expect(star.page.get_by_role("dialog", name="Followers").get_by_role("link", name=ann)).to_be_visible()
        assert await violations(star.page) == {}
        await star.page.keyboard.press("Escape")
        await star.page.locator(".follow", has_text="Friends").click()
        await expect(star.page.get_by_role("button", name="Follow back")).to_be_focused()


@both_sizes
@pytest.mark.usefixtures("within_one_half_hour")
async def test_followers_of_a_day_are_one_entry(place: Place, size: ViewportSize) -> None:
    (star_name, *fans) = names(size, "cleo", "dan", "eve", "fay")
    async with place.user(size, star_name) as star:
        await star.page.goto(f"{place.base}/inbox")
        await expect(star.page.get_by_role("heading", name="Nothing yet")).to_be_visible()
        await expect(star.page.get_by_role("button", name="Notify me")).to_be_visible()
        assert await violations(star.page) == {}
        for fan_name in fans:
            async with place.user(size, fan_name) as fan:
                await place.profile(fan.page, star_name)
                await fan.page.get_by_role("button", name="Follow", exact=True).click()
                await expect(fan.page.locator(".follow", has_text="Following")).to_be_visible()
        await expect(star.page.locator("#told li")).to_have_count(1)
        await expect(star.page.locator("#told li")).to_contain_text(f"{fans[-1]} and 2 others started following you.")


@both_sizes
async def test_a_private_account_accepts_a_request(place: Place, size: ViewportSize) -> None:
    gus, hal = names(size, "gus", "hal")
    async with place.user(size, gus) as owner, place.user(size, hal) as asking:
        await place.call(owner, "editProfile", username=gus, private=1)
        await owner.page.goto(f"{place.base}/inbox")
        await place.profile(asking.page, gus)
        await expect(asking.page.get_by_role("heading", name="This account is private")).to_be_visible()
        await expect(asking.page.get_by_role("button", name="0 followers")).to_have_count(0)
        follow = asking.page.locator(".follow")
        await follow.click()
        await expect(follow).to_have_text("Requested")
        await expect(asking.page.locator("#content")).to_contain_text("Your request is sent.")
        assert await violations(asking.page) == {}
        await follow.click()  # withdrawn
        await expect(follow).to_have_text("Follow")
        await follow.click()
        await expect(follow).to_have_text("Requested")

        requests = owner.page.locator("#requests")
        await expect(requests).to_contain_text(hal)
        assert await violations(owner.page) == {}
        await requests.get_by_role("button", name=f"Accept {hal}").click()
        await expect(requests).to_be_hidden()
        await expect(follow).to_have_text("Following")  # the socket has told it
        await expect(asking.page.get_by_role("heading", name="No videos yet")).to_be_visible()
        await follow.click()
        await asking.page.get_by_role("dialog").get_by_role("button", name="Unfollow").click()
        await expect(follow).to_have_text("Follow")

        await place.profile(owner.page, gus)
        await owner.page.get_by_role("link", name="Follow requests").click()
        await expect(owner.page).to_have_url(f"{place.base}/inbox#requests")


@both_sizes
async def test_a_blocked_user_finds_no_profile(place: Place, size: ViewportSize) -> None:
    ivy, jon = names(size, "ivy", "jon")
    async with place.user(size, ivy) as blocker, place.user(size, jon) as blocked:
        await place.profile(blocked.page, ivy)
        await blocked.page.get_by_role("button", name="Follow", exact=True).click()
        await expect(blocked.page.locator(".follow", has_text="Following")).to_be_visible()
        await place.profile(blocker.page, jon)
        await blocker.page.get_by_role("button", name="More").click()
        await blocker.page.get_by_role("button", name=f"Block @{jon}").click()
        dialog = blocker.page.get_by_role("dialog")
        await expect(dialog.get_by_role("button", name="Go back")).to_be_focused()
        assert await violations(blocker.page) == {}
        await dialog.get_by_role("button", name="Block").click()
        await expect(blocker.page.get_by_role("heading", name="You blocked this person")).to_be_visible()
        assert await violations(blocker.page) == {}

        await place.profile(blocked.page, ivy)
        await expect(blocked.page.get_by_role("heading", level=1)).to_have_text("There is no such user")
        expected(blocked, 404)
        shown = await blocked.page.locator("main").inner_html()
        await place.profile(blocked.page, "nameless.one")
        assert await blocked.page.locator("main").inner_html() == shown
        expected(blocked, 404)

        await blocker.page.get_by_role("button", name="Unblock").click()
        await expect(blocker.page.get_by_role("button", name="Follow", exact=True)).to_be_visible()
        await place.profile(blocked.page, ivy)
        await expect(blocked.page.get_by_role("button", name="Follow", exact=True)).to_be_visible()


@both_sizes
async def test_a_user_is_reported(place: Place, size: ViewportSize) -> None:
    meg, ned = names(size, "meg", "ned")
    async with place.user(size, meg) as visitor, place.user(size, ned):
        page = visitor.page
        await place.profile(page, ned)
        await page.get_by_role("button", name="More").click()
        await page.get_by_role("button", name=f"Report @{ned}").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Reason").select_option(index=1)
        await dialog.get_by_label("What happened?").fill("Sells watches.")
        assert await violations(page) == {}
        await dialog.get_by_role("button", name="Report").click()
        await expect(dialog.get_by_role("status")).to_contain_text("Thank you for your report.")
        await dialog.get_by_role("button", name="Close").first.click()
        await expect(dialog).to_have_count(0)


@both_sizes
async def test_a_guest_sees_a_profile_and_signs_in_to_follow(place: Place, size: ViewportSize) -> None:
    (kim,) = names(size, "kim")
    async with place.guest(size) as guest:
        page = guest.page
        await page.goto(f"{place.base}/@ADA")
        await expect(page).to_have_url(f"{place.base}/@ada")
        await expect(page.get_by_role("link", name="ada.example.com")).to_have_attribute(
            "rel", "noopener noreferrer nofollow ugc"
        )
        await page.get_by_role("button", name="Follow", exact=True).click()
        await page.locator("#sign-in").get_by_label("Username").fill(kim)
        await page.locator("#sign-in").get_by_label("Username").press("Enter")
        await page.get_by_role("button", name="Follow", exact=True).click()
        await expect(page.locator(".follow", has_text="Following")).to_be_visible()
        assert await violations(page) == {}


async def test_a_live_stream_leads_to_its_host_and_back(place: Place) -> None:
    token = await place.platform.sign_in("lena")
    stream = await place.platform.go_live(token)
    async with place.user(DESKTOP, "moe") as visitor:
        await visitor.page.goto(f"{place.base}/watch/{stream['id']}")
        await visitor.page.locator(".about").get_by_role("link", name="lena").click()
        await expect(visitor.page).to_have_url(f"{place.base}/@lena")
        await expect(visitor.page.get_by_role("heading", level=1)).to_have_text("lena")


@both_sizes
async def test_a_message_arrives_at_once_and_is_marked_as_read(place: Place, size: ViewportSize) -> None:
    nia, oda = names(size, "nia", "oda")
    async with place.user(size, nia) as writer, place.user(size, oda) as reader:
        for one, other in ((writer, oda), (reader, nia)):  # strangers would have to ask
            await place.profile(one.page, other)
            await one.page.locator(".follow").click()
            await expect(one.page.locator(".follow")).to_have_text({oda: "Following", nia: "Friends"}[other])
        await reader.page.goto(place.base)
        await expect(reader.page.locator("#account").get_by_role("link", name="Messages")).to_be_visible()
        await writer.page.get_by_role("link", name="Message", exact=True).click()
        await writer.page.get_by_label("Message", exact=True).fill("Hello!\nAre you there?")
        await writer.page.get_by_role("button", name="Send").click()
        mine = writer.page.locator(".lines .own")
        await expect(mine).to_have_count(1)
        await expect(mine).to_contain_text("Are you there?")
        await expect(mine.locator(".seen")).to_have_count(0)

        await expect(unread(reader.page, "Messages, 1 unread")).to_have_text("1")
        await reader.page.get_by_role("link", name="Messages, 1 unread").click()
        thread = reader.page.get_by_role("list", name="Conversations").get_by_role("listitem")
        await expect(thread).to_contain_text("1 unread")
        assert await violations(reader.page) == {}
        await thread.get_by_role("link").click()
        await expect(reader.page.locator(".lines li")).to_contain_text("Are you there?")
        await expect(mine.locator(".seen")).to_be_visible()  # the socket has told it
        await expect(unread(reader.page, "Messages")).to_be_hidden()

        picture = FilePayload(name="quarters.png", mimeType="image/png", buffer=saved(quarters(), "PNG"))
        await reader.page.get_by_label("Picture file").set_input_files(picture)
        await expect(reader.page.locator(".chosen")).to_contain_text("quarters.png")
        await reader.page.get_by_role("button", name="Send").click()
        arrived = writer.page.locator(".lines li:not(.own) img")
        await expect(arrived).to_be_visible()
        assert await arrived.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
        assert await violations(writer.page) == {}
        await expect(reader.page.locator(".lines .own .seen")).to_be_visible()


@both_sizes
async def test_a_message_that_meets_a_lost_connection_is_sent_once(place: Place, size: ViewportSize) -> None:
    pia, quin = names(size, "pia", "quin")
    async with place.user(size, pia) as writer, place.user(size, quin):
        page = writer.page
        await page.goto(f"{place.base}/messages/{quin}")
        await expect(page.get_by_label("Message", exact=True)).to_be_visible()

        async def lose_the_request(route: Route) -> None:
            await route.abort("connectionreset")

        async def lose_the_answer(route: Route) -> None:
            await route.fetch()
            await route.abort("connectionreset")

        await page.route("**/api/sendMessage", lose_the_answer, times=1)
        await page.route("**/api/sendMessage", lose_the_request, times=1)  # the last one is asked first
        await page.get_by_label("Message", exact=True).fill("Once")
        async with page.expect_console_message(lambda message: "ERR_CONNECTION_RESET" in message.text):
            await page.get_by_role("button", name="Send").click()
        async with page.expect_console_message(lambda message: "ERR_CONNECTION_RESET" in message.text):
            await expect(page.locator(".waiting li")).to_contain_text("Waiting for the connection…")
        await expect(page.locator(".lines:not(.waiting) li")).to_contain_text("Once")
        await expect(page.locator(".waiting li")).to_have_count(0)
        assert all("ERR_CONNECTION_RESET" in problem for problem in writer.problems), writer.problems
        writer.problems.clear()
        await page.reload()
        await expect(page.locator(".lines li")).to_have_count(1)


@both_sizes
async def test_a_stranger_is_accepted_before_an_answer(place: Place, size: ViewportSize) -> None:
    rob, sue = names(size, "rob", "sue")
    async with place.user(size, rob) as stranger, place.user(size, sue) as reader:
        await reader.page.goto(f"{place.base}/messages")
        await expect(reader.page.get_by_role("heading", name="No messages yet")).to_be_visible()
        await stranger.page.goto(f"{place.base}/messages/{sue}")
        await stranger.page.get_by_label("Message", exact=True).fill("We met at the concert.")
        await stranger.page.get_by_label("Message", exact=True).press("Enter")
        requests = reader.page.get_by_role("list", name="Requests")
        await expect(requests).to_contain_text("We met at the concert.")
        assert await violations(reader.page) == {}
        await requests.get_by_role("link").click()
        await expect(reader.page.locator(".request")).to_contain_text("Accept to answer.")
        await expect(reader.page.get_by_label("Message", exact=True)).to_be_hidden()
        await expect(stranger.page.locator(".seen")).to_have_count(0)
        assert await violations(reader.page) == {}
        await reader.page.get_by_role("button", name="Accept").click()
        await reader.page.get_by_label("Message", exact=True).fill("So we did!")
        await reader.page.get_by_label("Message", exact=True).press("Enter")
        await expect(stranger.page.locator(".lines li:not(.own)")).to_contain_text("So we did!")


async def choose(line: Locator, choice: str) -> None:
    """Open the menu of a message with the keyboard."""
    await line.get_by_role("button", name="Message options").press("Enter")
    await line.get_by_role("button", name=choice, exact=True).click()


async def write(page: Page, text: str) -> None:
    await page.get_by_label("Message", exact=True).fill(text)
    await page.get_by_label("Message", exact=True).press("Enter")
    await expect(page.locator(".lines:not(.waiting) li").last).to_contain_text(text)


async def make_older(place: Place, text: str) -> None:
    """Let the time pass in which a message can be taken back."""
    dsn = running_dsn(place.platform.data_dir)
    assert dsn is not None
    database = await connect(dsn)
    try:
        await database.execute("update message set sent_at = sent_at - interval '2 hours' where text = $1", text)
    finally:
        await database.close()


@both_sizes
async def test_a_message_is_taken_back_reported_and_deleted(place: Place, size: ViewportSize) -> None:
    uma, vic = names(size, "uma", "vic")
    async with place.user(size, uma) as writer, place.user(size, vic) as reader:
        await writer.page.goto(f"{place.base}/messages/{vic}")
        await write(writer.page, "For another")
        await write(writer.page, f"For {vic}")
        sent, read = (visitor.page.locator(".lines:not(.waiting) li") for visitor in (writer, reader))
        await reader.page.goto(f"{place.base}/messages/{uma}")
        await expect(read.first).to_contain_text("For another")
        await choose(sent.first, "Take back")
        await expect(sent.first).to_contain_text("Message taken back")
        await expect(sent.first.get_by_role("button", name="Message options")).to_be_focused()
        await expect(read.first).to_contain_text("Message taken back")  # the socket has told it

        await read.nth(1).get_by_role("button", name="Message options").click()
        report = read.nth(1).get_by_role("button", name="Report")
        await expect(report).to_be_visible()
        assert await violations(reader.page) == {}
        await write(writer.page, "One more")
        await expect(read).to_have_count(3)
        await expect(report).to_be_visible()
        await report.click()
        dialog = reader.page.get_by_role("dialog", name=f"Report a message of @{uma}")
        await dialog.get_by_label("Reason").select_option(index=1)
        await dialog.get_by_role("button", name="Report").click()
        await expect(dialog.get_by_role("status")).to_contain_text("Thank you for your report.")
        await dialog.get_by_role("button", name="Close").first.click()
        await expect(read.nth(1).get_by_role("button", name="Message options")).to_be_focused()

        await choose(read.nth(1), "Delete for me")
        await expect(read).to_have_count(2)
        await expect(sent).to_have_count(3)
        await make_older(place, f"For {vic}")
        await choose(sent.nth(1), "Take back")
        await expect(writer.page.get_by_role("alert").filter(has_text="It is too late")).to_be_visible()
        await writer.page.reload()
        await sent.nth(1).get_by_role("button", name="Message options").press("Enter")
        await expect(sent.nth(1).get_by_role("button", name="Delete for me")).to_be_visible()
        await expect(sent.nth(1).get_by_role("button", name="Take back")).to_have_count(0)

        await writer.page.get_by_role("button", name="Conversation options").click()
        await writer.page.get_by_role("button", name="Delete conversation").click()
        question = writer.page.get_by_role("dialog")
        await expect(question.get_by_role("button", name="Go back")).to_be_focused()
        assert await violations(writer.page) == {}
        await question.get_by_role("button", name="Delete").click()
        await expect(writer.page.get_by_role("heading", name="No messages yet")).to_be_visible()
        await reader.page.reload()
        await expect(read).to_have_count(2)


@both_sizes
async def test_messages_of_a_guest_and_to_a_name_without_a_user(place: Place, size: ViewportSize) -> None:
    (tim,) = names(size, "tim")
    async with place.guest(size) as guest:
        page = guest.page
        await page.goto(f"{place.base}/messages/nameless.one")
        await page.locator("#guest").get_by_label("Username").fill(tim)
        assert await violations(page) == {}
        await page.locator("#guest").get_by_label("Username").press("Enter")
        await expect(page.get_by_role("heading", name="There is no such user")).to_be_visible()
        await page.goto(f"{place.base}/inbox")
        await expect(page.get_by_role("heading", name="Nothing yet")).to_be_visible()
