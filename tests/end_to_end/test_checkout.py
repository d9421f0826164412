"""Coins bought with Stripe over the whole program: its API on this machine, its payment page in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.accessibility import violations
from tests.browser import DESKTOP, PHONE, visiting
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.template import Template
from tests.local_stripe import CONFIRMED_BY_BANK, KEY, WEBHOOK_SECRET, LocalStripe, local_stripe, signed
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True)
class Shop:
    platform: Stagedoor
    stripe: LocalStripe

    @property
    def base(self) -> str:
        return f"http://localhost:{self.platform.run['http_port']}"

    async def tells(self, event: dict[str, Any]) -> int:
        """Stripe calls our webhook. Returns the status."""
        headers, body = signed(event)
        async with self.platform.session.post(
            self.platform.url("/stores/stripe"), data=body, headers=headers
        ) as response:
            return response.status

    async def coins(self, token: str) -> int:
        profile = await self.platform.done("api/showUserDetail", token)
        wallet: int = profile["User"]["wallet"]
        return wallet


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(template: Template) -> AsyncIterator[Shop]:
    async with local_stripe() as stripe, template.stopped() as platform:
        platform.set(
            stores_stripe_secret_key=KEY,
            stores_stripe_webhook_secrets=WEBHOOK_SECRET,
            stores_stripe_url=stripe.url,
            log_level="debug",
        )
        await platform.start()
        yield Shop(platform, stripe)


@pytest.mark.parametrize(("size", "name"), [(DESKTOP, "wanda"), (PHONE, "paul")], ids=["desktop", "phone"])
async def test_a_viewer_buys_coins_on_stripes_page_and_comes_back(
    shop: Shop, browser: Browser, size: ViewportSize, name: str
) -> None:
    host = await shop.platform.sign_in(f"host-of-{name}")
    stream = await shop.platform.go_live(host)
    watch = f"{shop.base}/watch/{stream['id']}?low=1"
    hosts = [urlsplit(shop.base).netloc, urlsplit(shop.stripe.url).netloc]
    async with visiting(browser, hosts, [], size) as visitor:
        page = visitor.page
        await page.goto(watch)
        await opened(page, size)
        await page.locator("#panel").get_by_role("button", name="Sign in").click()
        await page.get_by_role("dialog").get_by_label("Username").fill(name)
        await page.get_by_role("dialog").get_by_role("button", name="Sign in").first.click()
        await page.get_by_role("button", name="Get coins").click()
        await expect(page.locator(".shop")).to_contain_text("You pay on a page of Stripe")
        await expect(page.locator(".package").nth(1)).to_contain_text("$4.99")
        assert not await violations(page)

        await page.locator(".package").nth(1).click()
        await expect(page.get_by_role("heading", name="500 coins")).to_be_visible()
        await expect(page.get_by_text("4.99 USD")).to_be_visible()
        await page.get_by_role("link", name="Back").click()
        await page.wait_for_url(watch)
        await opened(page, size)
        await expect(page.locator(".wallet")).to_contain_text("0 coins")

        await page.get_by_role("button", name="Get coins").click()
        await page.locator(".package").nth(1).click()
        await page.get_by_role("button", name="Pay").click()
        await page.wait_for_url(watch)
        await expect(page.locator(".notice")).to_have_text("500 coins added.")
        await expect(page.locator(".wallet")).to_contain_text("500 coins")
        assert not await violations(page)


async def opened(page: Page, size: ViewportSize) -> None:
    if size == PHONE:
        await page.get_by_role("button", name="Gifts", exact=True).click()


async def test_coins_that_come_late_are_on_the_way_until_they_are_there(shop: Shop, browser: Browser) -> None:
    """A bank transfer: the buyer is back before the money arrives, and Stripe tells of it later."""
    host, fan = await shop.platform.sign_in("hera"), await shop.platform.sign_in("lars")
    stream = await shop.platform.go_live(host)
    path = f"/watch/{stream['id']}?low=1"
    checkout = await shop.platform.done("api/startCheckout", fan, product_id="coins_500", return_path=path)
    shop.stripe.pay(checkout["session_id"], later=True)

    async with visiting(browser, [urlsplit(shop.base).netloc], [], PHONE) as visitor:
        page = visitor.page
        await page.goto(f"{shop.base}/")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("dialog").get_by_label("Username").fill("lars")
        await page.get_by_role("dialog").get_by_role("button", name="Sign in").first.click()
        await expect(page.locator("#account")).to_contain_text("lars")
        await page.goto(
            shop.stripe.objects[checkout["session_id"]]["success_url"].replace(
                "{CHECKOUT_SESSION_ID}", checkout["session_id"]
            )
        )
        await expect(page.locator(".wallet .coming")).to_contain_text("not paid yet")
        assert checkout["session_id"] not in page.url

        assert await shop.tells(shop.stripe.arrives(checkout["session_id"])) == 200
        await expect(page.locator(".notice")).to_have_text("500 coins added.", timeout=30_000)
        await expect(page.locator(".wallet")).to_contain_text("500 coins")
    assert await shop.coins(fan) == 500


async def test_buyers_who_came_from_an_app_are_told_to_go_back(shop: Shop) -> None:
    fan = await shop.platform.sign_in("rosa")
    checkout = await shop.platform.done("api/startCheckout", fan, product_id="coins_500")
    made = shop.stripe.objects[checkout["session_id"]]
    for url, text in ((made["success_url"], "on the way"), (made["cancel_url"], "Nothing was charged")):
        async with shop.platform.session.get(shop.platform.url(urlsplit(url).path + "?" + urlsplit(url).query)) as page:
            assert text in await page.text()


async def test_stripes_notifications_credit_and_take_back_without_a_call(shop: Shop) -> None:
    fan = await shop.platform.sign_in("nora")
    checkout = await shop.platform.done("api/startCheckout", fan, product_id="coins_500")
    completed = shop.stripe.pay(checkout["session_id"])
    for _ in range(2):
        assert await shop.tells(completed) == 200
    await until(lambda: has(shop, fan, 500), what="the coins")

    intent_id = shop.stripe.intent_of(checkout["session_id"])
    assert await shop.tells(shop.stripe.refund(intent_id)) == 200
    await until(lambda: has(shop, fan, 0), 30, what="the refund")


async def has(shop: Shop, token: str, coins: int) -> bool:
    return await shop.coins(token) == coins


async def test_a_card_is_charged_and_nothing_secret_is_logged(shop: Shop) -> None:
    fan = await shop.platform.sign_in("olga")
    bought = await shop.platform.done(
        "api/purchaseCoinsFromStripe",
        fan,
        stripe_token="tok_visa",
        coin="500",
        title="500 coins",
        price="$0.01",
        device="android",
    )
    assert bought["User"]["wallet"] == 500
    assert bought["PurchaseCoin"]["price_decimal"] == "4.99"
    asked = await shop.platform.call("api/purchaseCoinsFromStripe", fan, stripe_token=CONFIRMED_BY_BANK, coin="500")
    assert asked["code"] == 201
    shop.stripe.confirm(asked["payment_intent"])
    assert await shop.platform.call("api/purchaseCoin", fan, transaction_id=asked["payment_intent"])
    assert await shop.coins(fan) == 1000

    for secret in (KEY, WEBHOOK_SECRET, "tok_visa", asked["payment_intent_client_secret"]):
        assert secret not in shop.platform.log
