"""Sign-in with Google and Apple on the pages, in a real browser, with a provider that runs here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.async_api import Browser, ViewportSize, expect

from tests.accessibility import violations
from tests.browser import DESKTOP, PHONE, visiting
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.template import Template
from tests.local_provider import LocalProvider, ec_key, local_provider

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True)
class Place:
    platform: Stagedoor
    provider: LocalProvider
    browser: Browser

    @property
    def base(self) -> str:
        return f"http://localhost:{self.platform.run['http_port']}"

    def visitor(self, size: ViewportSize = DESKTOP) -> Any:
        hosts = [urlsplit(self.base).netloc, urlsplit(self.provider.url).netloc]
        return visiting(self.browser, hosts, [], size, reduced_motion=True)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(template: Template, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    key_file: Path = tmp_path_factory.mktemp("apple") / "AuthKey.p8"
    key_file.write_bytes(ec_key("ours").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    async with local_provider() as provider, template.stopped() as platform:
        for name, path in (("google", ""), ("apple", "/apple")):
            platform.set(
                **{
                    f"providers_{name}_web_client_id": f"{name}-pages",
                    f"providers_{name}_issuer": provider.url + path,
                    f"providers_{name}_jwks_url": provider.jwks_url,
                    f"providers_{name}_authorize_url": f"{provider.url}/authorize",
                    f"providers_{name}_token_url": f"{provider.url}/token",
                }
            )
        platform.set(
            providers_google_client_secret="the secret",
            providers_apple_team_id="TEAM",
            providers_apple_key_id="KEY",
            providers_apple_private_key_file=str(key_file),
        )
        await platform.start()
        yield Place(platform, provider, browser)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["Google", "Apple"])
async def test_a_visitor_signs_in_and_returns_to_the_page(place: Place, name: str, size: ViewportSize) -> None:
    issuer = place.provider.url + ("/apple" if name == "Apple" else "")
    place.provider.user = {"iss": issuer, "sub": f"{name}-{size['width']}", "email": None}
    async with place.visitor(size) as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/studio?from=here")
        await page.locator("#account").get_by_role("button", name="Sign in").click()
        assert await violations(page) == {}
        await page.locator("#sign-in").get_by_role("link", name=f"Continue with {name}").click()
        await expect(page.locator("#account")).to_contain_text("user")
        assert page.url == f"{place.base}/studio?from=here"
        shown = await page.evaluate("fetch('/session').then(answer => answer.json())")
        assert shown["user"]["name"] == ("Ann Apple" if name == "Apple" else "")
        cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
        assert cookies.keys() == {"stagedoor"}
        assert cookies["stagedoor"]["httpOnly"]
        assert cookies["stagedoor"]["sameSite"] == "Strict"


async def test_a_sign_in_that_brings_a_deleted_account_back_says_so(place: Place) -> None:
    place.provider.user = {"iss": place.provider.url, "sub": "returner", "email": None}
    async with place.visitor() as visitor:
        page = visitor.page
        await page.goto(f"{place.base}/session/google?next=/studio")
        await page.wait_for_url(f"{place.base}/studio")
        await expect(page.locator("#start")).to_be_visible()
        await page.evaluate("fetch('/api/deleteUserAccount', { method: 'POST' })")
        await page.goto(f"{place.base}/session/google?next=/studio")
        await page.wait_for_url(f"{place.base}/account")
        await expect(page.locator("#back")).to_contain_text("Welcome back.")
        await expect(page.locator("#own")).to_be_visible()


async def test_a_visitor_who_cancels_is_told_so(place: Place) -> None:
    place.provider.consents = False
    try:
        async with place.visitor() as visitor:
            await visitor.page.goto(f"{place.base}/session/google?next=/studio")
            await expect(visitor.page.locator("main")).to_contain_text("cancelled")
            visitor.problems.clear()  # the page is answered with 403
    finally:
        place.provider.consents = True


@pytest.mark.parametrize(
    "next_",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", "x" * 600, ""],
)
async def test_no_sign_in_leads_to_another_site(place: Place, next_: str) -> None:
    place.provider.user = {"iss": place.provider.url, "sub": "traveller", "email": None}
    async with place.visitor() as visitor:
        address = await visitor.page.evaluate("next => encodeURIComponent(next)", next_)
        await visitor.page.goto(f"{place.base}/session/google?next={address}")
        await visitor.page.wait_for_url(f"{place.base}/")


async def test_a_callback_of_another_browser_signs_nobody_in(place: Place) -> None:
    """Another site could otherwise sign a visitor in as the attacker."""
    session = place.platform.session
    async with session.get(
        f"{place.base}/session/google/callback", params={"code": "stolen", "state": "guessed"}, allow_redirects=False
    ) as answer:
        assert answer.status == 403
        assert "Set-Cookie" not in answer.headers
    async with session.post(
        f"{place.base}/session/google/callback",
        data={"code": "stolen", "state": "guessed", "extra": "x"},
        headers={"Origin": "https://evil.example"},
        allow_redirects=False,
    ) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/session/google/callback?code=stolen&state=guessed"
    async with session.get(f"{place.base}/session/facebook", allow_redirects=False) as answer:
        assert answer.status == 404
