"""The account page and the ways to sign in, in a real browser, on a phone and a desktop."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Locator, Page, Route, ViewportSize, expect

from control_plane.db.connections import Connection
from control_plane.db.embedded import running_dsn
from control_plane.db.pool import connect
from tests.accessibility import violations
from tests.browser import DESKTOP, PHONE, Visitor, visiting
from tests.control_plane.pictures.samples import quarters, saved
from tests.end_to_end.platform import Stagedoor

pytestmark = pytest.mark.timeout(180)

both_sizes = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
GOOD, BETTER = "correct horse battery", "staple of the correct horse"


@dataclass(frozen=True, slots=True)
class Place:
    platform: Stagedoor
    browser: Browser

    @property
    def base(self) -> str:
        return f"http://localhost:{self.platform.run['http_port']}"

    def visitor(self, size: ViewportSize = DESKTOP) -> AbstractAsyncContextManager[Visitor]:
        return visiting(self.browser, [f"localhost:{self.platform.run['http_port']}"], [], size, reduced_motion=True)

    async def code(self, address: str) -> str:
        """The newest code that was sent to the address."""
        async with self.platform.session.get(f"{self.base}/sandbox/codes") as answer:
            codes = (await answer.json())["codes"]
        code: str = next(code["code"] for code in codes if code["address"] == address)
        return code

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Connection]:
        dsn = running_dsn(self.platform.data_dir)
        assert dsn is not None
        connection = await connect(dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def forget_codes(self, address: str) -> None:
        """Let time pass, so that another code can be sent to the address."""
        async with self.database() as database:
            await database.execute(
                "update contact_code set created_at = created_at - interval '1 minute' where address = $1", address
            )

    async def account_of(self, page: Page, name: str) -> None:
        """Sign in on the account page."""
        await page.goto(f"{self.base}/account")
        await page.locator("#guest").get_by_label("Username").fill(name)
        await page.locator("#guest").get_by_label("Username").press("Enter")
        await expect(page.locator("#own")).to_be_visible()


@pytest_asyncio.fixture(loop_scope="session")
async def place(stagedoor: Stagedoor, browser: Browser) -> Place:
    return Place(stagedoor, browser)


def refused(visitor: Visitor, *statuses: int) -> None:
    """The browser writes each refusal to its console. Fails if there was another problem, or none."""
    assert visitor.problems
    assert all(any(f" {status} " in problem for status in statuses) for problem in visitor.problems), visitor.problems
    visitor.problems.clear()


async def use(form: Locator, way: str) -> None:
    await form.get_by_role("button", name=way, exact=True).click()


async def send_code(place: Place, form: Locator, label: str, address: str) -> None:
    """Ask for a code, and enter it."""
    await form.get_by_role("textbox", name=label).fill(address)
    await form.get_by_role("button", name="Send code").click()
    code = form.get_by_label("Code", exact=True)
    await expect(code).to_be_focused()
    await code.fill(await place.code(address))


async def open_dialog(page: Page) -> Locator:
    await page.locator("#account").get_by_role("button", name="Sign in").click()
    return page.locator("#sign-in")


async def sign_in_with(form: Locator, login: str, password: str) -> None:
    await form.get_by_label("Email, phone or username").fill(login)
    await form.get_by_label("Password").fill(password)
    await form.get_by_label("Password").press("Enter")


@both_sizes
async def test_a_code_opens_an_account_which_gets_a_password_and_another_one(place: Place, size: ViewportSize) -> None:
    address = f"visitor{size['width']}@example.com"
    async with place.visitor(size) as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/studio")
        await expect(page.locator("#guest")).to_be_visible()
        dialog = await open_dialog(page)
        await use(dialog, "Code")
        assert await repeated_ids(page) == []
        await send_code(place, dialog, "Email or phone number", address)
        await expect(dialog).to_contain_text(address)
        await dialog.get_by_role("button", name="Send again").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("A code was sent a moment ago.")
        assert await violations(page) == {}
        await dialog.get_by_role("button", name="Sign in").click()
        await expect(page.locator("#start")).to_be_visible()

        await page.locator("#account").get_by_role("link", name="your account").click()
        password = page.locator("#password")
        await expect(password).to_contain_text("None yet")
        await expect(page.locator("#email")).to_contain_text(address)
        await place.forget_codes(address)
        await password.get_by_role("button", name="Set").click()
        await send_code(place, password, "Email", address)
        await password.get_by_label("New password").fill("password1")
        await password.get_by_role("button", name="Save").click()
        await expect(password.get_by_role("alert")).not_to_be_empty()
        refused(visitor, 403)
        assert await violations(page) == {}
        await password.get_by_label("New password").fill(GOOD)
        await password.get_by_role("button", name="Save").click()
        await expect(password.get_by_role("button", name="Change")).to_be_focused()
        await expect(page.locator("#own")).to_be_visible()

        await password.get_by_role("button", name="Change").click()
        await password.get_by_label("Present password").fill(GOOD)
        await password.get_by_label("New password").fill(BETTER)
        await password.get_by_role("button", name="Save").click()
        await expect(password.get_by_role("button", name="Change")).to_be_focused()

        await page.locator("#account").get_by_role("button", name="Sign out").click()
        await expect(page.locator("#guest-title")).to_be_focused()
        guest = page.locator("#guest")
        await use(guest, "Password")
        await sign_in_with(guest, address, GOOD)
        await expect(guest.get_by_role("alert")).to_have_text("The name or the password is wrong.")
        refused(visitor, 403)
        assert await violations(page) == {}
        await sign_in_with(guest, address, BETTER)
        await expect(page.locator("#own")).to_be_visible()


@both_sizes
async def test_a_forgotten_password_is_replaced(place: Place, size: ViewportSize) -> None:
    address = f"forgetful{size['width']}@example.com"
    await place.platform.done("api/registerUser", username=f"forgetful{size['width']}", email=address, password=GOOD)
    async with place.visitor(size) as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/account")
        guest = page.locator("#guest")
        await use(guest, "Password")
        await guest.get_by_role("button", name="Forgot password?").click()
        assert await violations(page) == {}
        await send_code(place, guest, "Email or phone number", address)
        await guest.get_by_label("New password").fill(BETTER)
        assert await violations(page) == {}
        await guest.get_by_role("button", name="Set password and sign in").click()
        await expect(page.locator("#own")).to_be_visible()
        await expect(page.locator("#account")).to_contain_text("forgetful")


@both_sizes
async def test_the_profile_and_its_picture_are_changed(place: Place, size: ViewportSize) -> None:
    name = f"paula{size['width']}"
    values = {
        "Username": f"{name}.live",
        "First name": "Paula",
        "Last name": "Okonkwo",
        "Bio": "Cello and loops.\nLive on Tuesdays.",
        "Website": "https://paula.example.com",
        "Gender": "Female",
    }
    async with place.visitor(size) as visitor:
        page = visitor.page
        await place.account_of(page, name)
        profile, picture = page.locator("#profile"), page.locator("#picture")
        for label, value in values.items():
            await profile.get_by_label(label).fill(value)
        await profile.get_by_label("Date of birth").fill("2024-01-31")
        save = profile.get_by_role("button", name="Save profile")
        await save.click()
        await expect(profile.get_by_role("alert")).to_contain_text("You have to be at least")
        await profile.get_by_label("Date of birth").fill("1990-05-17")
        await save.click()
        await expect(profile.get_by_role("status")).to_have_text("Saved.")
        await expect(profile.get_by_role("alert")).to_have_count(0)
        await expect(page.locator("#account")).to_contain_text(values["Username"])

        await picture.get_by_label("Picture file").set_input_files(file_of(b"no picture"))
        await picture.get_by_role("button", name="Save").click()
        await expect(picture.get_by_role("alert")).to_contain_text("This is not a JPEG")
        await picture.get_by_role("button", name="Cancel").click()
        await picture.get_by_label("Picture file").set_input_files(file_of(saved(quarters(), "JPEG")))
        await expect(picture.get_by_alt_text("Preview")).to_be_visible()
        assert await violations(page) == {}
        await picture.get_by_role("button", name="Save").click()
        await expect(picture.get_by_role("button", name="Change picture")).to_be_focused()
        for shown in (picture, page.locator("#account")):
            assert await shown.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0

        await page.reload()
        for label, value in values.items():
            await expect(profile.get_by_label(label)).to_have_value(value)
        await expect(profile).to_contain_text("May 17, 1990")
        await expect(profile.get_by_label("Date of birth")).to_have_count(0)
        assert await violations(page) == {}
        await picture.get_by_role("button", name="Remove picture").click()
        await expect(picture.get_by_role("button", name="Add a picture")).to_be_visible()
        await expect(page.locator("#account img")).to_have_count(0)


@both_sizes
async def test_an_address_is_changed_by_a_code(place: Place, size: ViewportSize) -> None:
    before, after, taken = (f"{what}{size['width']}@example.com" for what in ("before", "after", "taken"))
    phone = f"+4915123456{size['width'] % 1000}"
    for name, address in ((f"adele{size['width']}", before), (f"owner{size['width']}", taken)):
        await place.platform.done("api/registerUser", username=name, email=address, password=GOOD)
    async with place.visitor(size) as visitor:
        page = visitor.page
        await place.account_of(page, f"adele{size['width']}")
        email = page.locator("#email")
        await email.get_by_role("button", name="Change").click()
        await send_code(place, email, "Email", taken)
        await email.get_by_role("button", name="Confirm").click()
        await expect(email.get_by_role("alert")).not_to_be_empty()
        await email.get_by_role("button", name="Use another address").click()
        await send_code(place, email, "Email", after)
        assert await violations(page) == {}
        await email.get_by_role("button", name="Confirm").click()
        await expect(email).to_contain_text(after)
        await expect(email.get_by_role("button", name="Change")).to_be_focused()
        row = page.locator("#phone")
        await row.get_by_role("button", name="Add").click()
        await row.get_by_role("textbox", name="Phone number").fill("0151 23456")
        await row.get_by_role("button", name="Send code").click()
        await expect(row.get_by_role("alert")).to_contain_text("country code")
        await send_code(place, row, "Phone number", phone)
        await row.get_by_role("button", name="Confirm").click()
        await expect(row).to_contain_text(phone)


@both_sizes
async def test_privacy_and_notifications_are_saved_at_once(place: Place, size: ViewportSize) -> None:
    async with place.visitor(size) as visitor:
        page = visitor.page
        await place.account_of(page, f"petra{size['width']}")
        switches = {
            label: page.get_by_role("switch", name=label, exact=True)
            for label in ("Private account", "Profile visits", "Found by phone number", "Mentions", "Comments")
        }
        wanted = {
            label: {"true": "false", "false": "true"}[await switch.get_attribute("aria-checked") or ""]
            for label, switch in switches.items()
        }
        for switch in switches.values():
            await switch.click()  # without waiting for the one before
        writers = page.get_by_label("Who may write to you")
        await writers.select_option("friends")
        for label in (*switches, "Who may write to you"):
            await expect(page.get_by_role("status").filter(has_text=f"{label}: saved")).to_have_count(1)
        assert await violations(page) == {}

        answer = {"code": 201, "msg": "Not today."}
        await page.route("**/api/editProfile", lambda route: route.fulfill(json=answer), times=1)
        await switches["Private account"].click()
        await expect(page.get_by_role("alert").filter(has_text="Not today.")).to_be_visible()
        await expect(switches["Private account"]).to_be_focused()
        await expect(switches["Private account"]).to_have_attribute("aria-checked", wanted["Private account"])

        await page.reload()
        for label, switch in switches.items():
            await expect(switch).to_have_attribute("aria-checked", wanted[label])
        await expect(writers).to_have_value("friends")


@both_sizes
async def test_other_devices_are_signed_out(place: Place, size: ViewportSize) -> None:
    name = f"dora{size['width']}"
    async with place.visitor(size) as one, place.visitor(size) as two, place.visitor(size) as three:
        for visitor in (three, two, one):
            await place.account_of(visitor.page, name)
        devices = one.page.locator("#sessions li")
        await expect(devices).to_have_count(3)
        await expect(devices.first).to_contain_text("Chrome on Linux")
        await expect(devices.first).to_contain_text("This device")
        await expect(devices.get_by_text("This device")).to_have_count(1)
        assert await violations(one.page) == {}
        await devices.nth(1).get_by_role("button").click()
        await expect(devices).to_have_count(2)
        await one.page.get_by_role("button", name="Sign out all other devices").click()
        await expect(devices).to_have_count(1)
        for visitor in (two, three):
            await visitor.page.get_by_role("button", name="Save profile").click()
            await expect(visitor.page.locator("#guest-title")).to_be_focused()
        await one.page.reload()
        await devices.get_by_role("button", name="Sign out").click()
        await expect(one.page.locator("#guest-title")).to_be_focused()


@both_sizes
async def test_an_account_is_exported_deleted_and_comes_back(place: Place, size: ViewportSize) -> None:
    name = f"ella{size['width']}"
    token = await place.platform.sign_in(name)
    receipt = await place.platform.done("api/sandbox/purchases", token, product_id="coins_100")
    await place.platform.done(
        "api/purchaseCoin", token, transaction_id=receipt["transaction_id"], coin=100, device="web"
    )
    async with place.visitor(size) as visitor:
        page = visitor.page
        await place.account_of(page, name)
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Download your data").click()
        file = await download.value
        assert file.suggested_filename.startswith(f"stagedoor-{name}-")
        assert json.loads((await file.path()).read_bytes())["profile"][0]["username"] == name

        await page.get_by_role("button", name="Delete your account").click()
        dialog = page.locator("#delete")
        await expect(dialog).to_contain_text("You lose 100 coins.")
        await expect(dialog).to_contain_text("30 days")
        await expect(dialog.get_by_role("button", name="Go back")).to_be_focused()
        assert await violations(page) == {}
        await dialog.get_by_role("button", name="Go back").click()
        await page.get_by_role("button", name="Delete your account").click()
        yes = dialog.get_by_role("button", name="Delete account")
        await yes.click()
        await expect(dialog.get_by_role("alert")).to_contain_text("Delete again within 10 minutes to confirm.")
        async with place.database() as database:
            await database.execute(
                "update app_user set deletion_asked_at = now() - interval '1 minute' where username = $1", name
            )
        await yes.click()
        await expect(page.locator("#gone-title")).to_be_focused()
        await expect(page.locator("#gone")).to_contain_text("If you sign in within 30 days, it comes back.")
        assert await violations(page) == {}

        await page.goto(f"{place.base}/studio")
        guest = page.locator("#guest")
        await guest.get_by_label("Username").fill(name)
        await guest.get_by_label("Username").press("Enter")
        await page.wait_for_url(f"{place.base}/account")
        await expect(page.locator("#back")).to_contain_text("Welcome back.")
        assert await violations(page) == {}
        await page.reload()
        await expect(page.locator("#own")).to_be_visible()
        await expect(page.locator("#back")).not_to_be_visible()


async def test_a_banned_user_and_one_who_is_too_quick_are_told_so(place: Place) -> None:
    await place.platform.sign_in("bruno")
    status, output = await place.platform.command("users", "ban", "bruno", "--yes")
    assert status == 0, output
    async with place.visitor() as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/account")
        guest = page.locator("#guest")
        await guest.get_by_label("Username").fill("bruno")
        await guest.get_by_label("Username").press("Enter")
        await expect(guest.get_by_role("alert")).to_have_text("You have been blocked. Please contact support.")
        refused(visitor, 403)
        await page.route(
            "**/session", lambda route: route.fulfill(status=429, body="Too many.\n", headers={"Retry-After": "130"})
        )
        await guest.get_by_label("Username").press("Enter")
        await expect(guest.get_by_role("alert")).to_have_text("Too many requests. Please try again in 3 minutes.")
        refused(visitor, 429)


async def test_a_button_is_disabled_while_it_works(place: Place) -> None:
    async with place.visitor() as visitor:
        page = visitor.page
        await place.account_of(page, "waltraud")
        answers: list[Route] = []

        def hold(route: Route) -> None:
            answers.append(route)

        await page.route("**/api/editProfile", hold)
        save = page.get_by_role("button", name="Save profile")
        await save.click()
        await expect(save).to_be_disabled()
        await page.get_by_label("Website").press("Enter")
        await answers[0].continue_()
        await expect(save).to_be_enabled()
        await expect(save).to_be_focused()
        assert len(answers) == 1


def file_of(content: bytes) -> FilePayload:
    return {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": content}


async def repeated_ids(page: Page) -> list[str]:
    ids: list[str] = await page.locator("[id]").evaluate_all("elements => elements.map((element) => element.id)")
    return sorted({id_ for id_ in ids if ids.count(id_) > 1})


@both_sizes
async def test_the_history_of_coins_is_on_both_pages(place: Place, size: ViewportSize) -> None:
    name, other = f"carla{size['width']}", f"konrad{size['width']}"
    token, others = await place.platform.sign_in(name), await place.platform.sign_in(other)
    receiver = (await place.platform.done("api/showUserDetail", others))["User"]["id"]
    receipt = await place.platform.done("api/sandbox/purchases", token, product_id="coins_100")
    await place.platform.done("api/purchaseCoin", token, transaction_id=receipt["transaction_id"])
    for _ in range(30):
        await place.platform.done("api/sendGift", token, receiver_id=receiver, gift_id=1, gift_count=3)
    async with place.visitor(size) as visitor:
        page = visitor.page
        await place.account_of(page, name)
        for path in ("account", "studio"):
            await page.goto(f"{place.base}/{path}")
            coins = page.locator("#coins")
            lines = coins.locator("li")
            await expect(lines).to_have_count(30)
            await expect(lines.first).to_contain_text(f"3 × Rose to {other}")
            await expect(lines.first).to_contain_text("-3")
            await expect(lines.first).to_contain_text("wallet 10")
            await coins.get_by_role("button", name="Show more").click()
            await expect(lines).to_have_count(31)
            await expect(lines.last).to_be_focused()
            await expect(lines.last).to_contain_text("Purchase: 100 coins")
            await expect(lines.last).to_contain_text("+100")
            await expect(coins.get_by_role("button", name="Show more")).to_be_hidden()
            assert await violations(page) == {}
        await page.locator("#account").get_by_role("button", name="Sign out").click()
        await expect(page.locator("#guest")).to_be_visible()
        await expect(page.locator("#coins")).to_be_hidden()
