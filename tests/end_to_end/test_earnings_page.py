"""The section “Earnings” of the account page, in a real browser, on a phone and a desktop."""

from __future__ import annotations

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ViewportSize, expect

from tests.accessibility import violations
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.test_account_page import GOOD, Place, both_sizes

pytestmark = pytest.mark.timeout(180)


@pytest_asyncio.fixture(loop_scope="session")
async def place(stagedoor: Stagedoor, browser: Browser) -> Place:
    return Place(stagedoor, browser)


async def host(place: Place, name: str) -> None:
    """A host with a password, an email address and 300 coins of gifts."""
    profile = await place.platform.done(
        "api/registerUser", username=name, email=f"{name}@example.com", password=GOOD, dob="1990-05-17"
    )
    fan = await place.platform.sign_in(f"fan-of-{name}")
    receipt = await place.platform.done("api/sandbox/purchases", fan, product_id="coins_500")
    await place.platform.done("api/purchaseCoin", fan, transaction_id=receipt["transaction_id"], coin=500, device="web")
    await place.platform.done("api/sendGift", fan, receiver_id=profile["User"]["id"], gift_id=1, gift_count=300)


@both_sizes
async def test_coins_are_withdrawn_to_an_address_whose_change_is_proven(place: Place, size: ViewportSize) -> None:
    name = f"earner{size['width']}"
    await host(place, name)
    async with place.visitor(size) as visitor:
        page = visitor.page
        await place.account_of(page, name)
        withdrawal, address, payouts = (page.locator(what) for what in ("#withdrawal", "#payout-address", "#payouts"))
        await expect(withdrawal).to_contain_text("300 coins, worth 1.50 USD")
        await expect(withdrawal).to_contain_text("Add the address that your payouts go to first.")
        assert await violations(page) == {}

        await address.get_by_role("button", name="Add").click()
        await address.get_by_label("New address").fill("DE89 3704 0044 0532 0130 01")
        await address.get_by_role("button", name="Save").click()
        await expect(address.get_by_role("alert")).to_contain_text("its check digits are wrong")
        await address.get_by_label("New address").fill("DE89 3704 0044 0532 0130 00")
        await address.get_by_role("button", name="Save").click()
        await expect(address.get_by_role("button", name="Change")).to_be_focused()
        await expect(address).to_contain_text("DE•••3000")

        await withdrawal.get_by_role("button", name="Withdraw").click()
        await expect(withdrawal.get_by_label("Coins")).to_have_value("300")
        assert await violations(page) == {}
        await withdrawal.get_by_label("Coins").fill("200")
        await withdrawal.get_by_role("button", name="Request payout").click()
        await expect(payouts).to_be_focused()
        await expect(payouts).to_contain_text("200 coins, 1.00 USD")
        await expect(payouts).to_contain_text("Requested. Our team has not decided yet.")
        await expect(withdrawal).to_contain_text("100 coins, worth 0.50 USD")
        await expect(withdrawal).to_contain_text("You have already requested a payout.")
        assert await violations(page) == {}

        await address.get_by_role("button", name="Change").click()
        await address.get_by_label("New address").fill("new@example.com")
        await address.get_by_label("Password").fill("not the password")
        await address.get_by_role("button", name="Save").click()
        await expect(address.get_by_role("alert")).to_have_text("The password is wrong.")
        assert await violations(page) == {}
        await address.get_by_role("button", name="Use a code instead").click()
        await expect(address.get_by_label("New address")).to_have_value("new@example.com")
        await address.get_by_role("button", name="Send code").click()
        await expect(address.get_by_label("Code", exact=True)).to_be_focused()
        await address.get_by_label("Code", exact=True).fill(await place.code(f"{name}@example.com"))
        assert await violations(page) == {}
        await address.get_by_role("button", name="Save").click()
        await expect(address).to_contain_text("n•••@example.com")
        await expect(payouts).to_contain_text("DE•••3000")

        listed = await place.platform.command("payouts", "list")
        payout_id = next(line.split()[0] for line in listed[1].splitlines() if name in line)
        status, output = await place.platform.command("payouts", "reject", payout_id, "--reason", "The name differs.")
        assert status == 0, output
        await page.reload()
        await expect(payouts).to_contain_text("Rejected, and the coins are yours again. The name differs.")
        await expect(withdrawal).to_contain_text("300 coins, worth 1.50 USD")
        await expect(withdrawal).to_contain_text("Your payout address was changed.")
        assert await violations(page) == {}
        assert visitor.problems == []
