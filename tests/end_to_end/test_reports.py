"""A report from the app to the decision, the letter, and the appeal on its page, with the commands on a running server."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from tests.accessibility import violations
from tests.browser import PHONE, visiting
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


async def done(platform: Stagedoor, *arguments: str) -> str:
    """Run a command; returns its output."""
    status, output = await platform.command("reports", *arguments)
    assert status == 0, output
    return output


async def test_a_banned_user_appeals_on_the_page_of_the_letter(stagedoor: Stagedoor, browser: Browser) -> None:
    ann = await stagedoor.sign_in("reporting_ann")
    status, added = await stagedoor.command("users", "add", "reported_bob", "--email", "reported.bob@example.com")
    assert status == 0, added
    bob_id = added.split()[-1]
    bob = (await stagedoor.command("token", "reported_bob"))[1].split()[-1]
    stream = await stagedoor.go_live(bob, title="Insults")
    await stagedoor.done("api/reportUser", ann, report_user_id=bob_id, report_reason_id="4", description="Look!")
    listed = await done(stagedoor, "list", "--user", "reported_bob")
    report_id = listed.splitlines()[-1].split()[0]
    said = await done(stagedoor, "close", report_id, "ban", "--why", "You insult others.", "--yes")
    assert "1 report is closed" in said
    assert "No publisher is connected to it now." in said
    refused = await stagedoor.call("api/showUserDetail", bob)
    assert "have been blocked" in refused["msg"]
    assert (await stagedoor.streams()).get(stream["id"]) is None

    await until(lambda: "/appeal#" in stagedoor.log, 30, what="the letter")
    letter = re.search(r"https?://\S+/appeal#\d+\.[\w\-]+", stagedoor.log)
    assert letter is not None
    base = f"http://localhost:{stagedoor.run['http_port']}"
    address = base + letter[0][letter[0].index("/appeal#") :]
    async with visiting(browser, [base.removeprefix("http://")], [], PHONE, reduced_motion=True) as visitor:
        page = visitor.page
        await page.context.add_cookies([{"name": "session", "value": bob, "url": base}])  # ended by the ban
        await page.goto(f"{base}/appeal")
        await expect(page.locator("#about")).to_have_text("Open this page with the whole address from our letter.")
        await expect(page.locator("#appeal")).to_be_hidden()
        await page.goto("about:blank")
        await page.goto(address)
        await expect(page.get_by_role("button", name="Send")).to_be_visible()
        assert await violations(page) == {}
        await page.get_by_label("Why is it wrong?").fill("It was my brother.")
        await page.get_by_role("button", name="Send").click()
        await expect(page.locator("#said")).to_have_text("Your appeal is sent. We will answer it.")
        await expect(page.get_by_role("button", name="Send")).to_have_count(0)

    appeal = (await done(stagedoor, "appeals", "list")).splitlines()[-1]
    assert "It was my brother." in appeal
    await done(stagedoor, "appeals", "accept", appeal.split()[0], "--why", "We believe you.")
    await until(lambda: "You can sign in again." in stagedoor.log, 30, what="the second letter")
    assert (await stagedoor.command("token", "reported_bob"))[0] == 0

    async def told() -> bool:
        entries = await stagedoor.done("api/showAllNotifications", ann, starting_point="0")
        return [entry["Notification"]["type"] for entry in entries] == ["report_closed"]

    await until(told, 30, what="the reporter is told")
    assert "stagedoor_reports_open" in await stagedoor.metrics()
