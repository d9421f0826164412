"""The authorization code flow of the pages, against a provider that runs here."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from control_plane.accounts.claims import Claims
from control_plane.accounts.providers.clients import OAuthClient, Tokens, oauth_clients
from control_plane.accounts.providers.id_tokens import IdTokens, InvalidIdToken, providers_of
from control_plane.accounts.providers.key_set import KeysUnavailable
from control_plane.accounts.providers.page_flow import LIFETIME_S, FlowLost, PageFlow, UnknownProvider
from control_plane.base.clock import utc_now
from control_plane.base.signing import Keyring, Secret
from control_plane.config.declare import InvalidSettings
from control_plane.config.providers import Apple, Google, Providers
from tests.local_provider import LocalProvider, ec_key, local_provider, public_text, rsa_key

CALLBACK = "https://live.example.com/session/google/callback"
KEYRING = Keyring((Secret("a", b"a" * 32), Secret("b", b"b" * 32)))


@pytest.fixture
async def provider() -> AsyncIterator[LocalProvider]:
    async with local_provider() as provider:
        yield provider


@pytest.fixture
def settings(provider: LocalProvider, tmp_path: Path) -> Providers:
    key_file = tmp_path / "AuthKey.p8"
    key_file.write_bytes(ec_key("ours").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    addresses = {"jwks_url": provider.jwks_url, "authorize_url": f"{provider.url}/authorize"}
    addresses["token_url"] = f"{provider.url}/token"
    return Providers(
        google=Google(
            web_client_id="web",
            client_secret="the secret",
            issuer=provider.issuer,
            **addresses,  # type: ignore[arg-type]
        ),
        apple=Apple(
            web_client_id="services.id",
            team_id="TEAM",
            key_id="KEY",
            private_key_file=str(key_file),
            revoke_url=f"{provider.url}/revoke",
            issuer=f"{provider.url}/apple",
            **addresses,  # type: ignore[arg-type]
        ),
    )


@pytest.fixture
def flow(settings: Providers) -> PageFlow:
    return PageFlow(oauth_clients(settings), KEYRING)


async def consent(url: str) -> dict[str, str]:
    """What the provider's page sends back."""
    async with aiohttp.ClientSession() as session, session.get(url, allow_redirects=False) as response:
        assert response.headers["Location"].startswith(CALLBACK)
        return {name: texts[0] for name, texts in parse_qs(urlsplit(response.headers["Location"]).query).items()}


async def test_the_code_becomes_a_token_that_signs_in(
    provider: LocalProvider, settings: Providers, flow: PageFlow
) -> None:
    begun = flow.begin("google", CALLBACK, "/watch/7")
    answer = await consent(begun.url)
    returned = await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)
    assert returned.next == "/watch/7"
    (proof,) = await IdTokens(providers_of(settings)).prove(
        Claims(auth_token=returned.tokens.id_token, nonce=returned.nonce)
    )
    assert proof.email == "ann@example.com"
    assert provider.requests[0]["client_secret"] == "the secret"
    with pytest.raises(InvalidIdToken):  # a code opens once
        await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)


async def test_what_the_browser_holds_tells_nothing_that_opens(flow: PageFlow) -> None:
    begun = flow.begin("google", CALLBACK, "/")
    query = parse_qs(urlsplit(begun.url).query)
    assert query["response_type"] == ["code"]
    assert query["client_id"] == ["web"]
    assert "the secret" not in begun.url + begun.cookie
    assert len(query["state"][0]) >= 32
    assert len(query["nonce"][0]) >= 32
    assert flow.begin("google", CALLBACK, "/").url != begun.url


async def test_a_callback_that_this_browser_did_not_begin_is_refused(flow: PageFlow) -> None:
    begun, other = flow.begin("google", CALLBACK, "/"), flow.begin("google", CALLBACK, "/")
    answer = await consent(begun.url)
    text, _, signature = begun.cookie.partition(".")
    for provider, cookie, state, code in [
        ("google", "", answer["state"], answer["code"]),
        ("google", other.cookie, answer["state"], answer["code"]),
        ("google", begun.cookie, "", answer["code"]),
        ("google", begun.cookie, answer["state"] + "x", answer["code"]),
        ("google", begun.cookie, "\u00e9", answer["code"]),
        ("google", begun.cookie, answer["state"], ""),
        ("apple", begun.cookie, answer["state"], answer["code"]),
        ("google", f"{text}.{'a' * len(signature)}", answer["state"], answer["code"]),
        ("google", f"{text[:-2]}AA.{signature}", answer["state"], answer["code"]),
        ("google", "\u00e9.\u00e9", answer["state"], answer["code"]),
        ("google", ".", answer["state"], answer["code"]),
    ]:
        with pytest.raises(FlowLost):
            await flow.finish(provider, cookie, state, code, CALLBACK)
    await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)


async def test_a_sign_in_must_be_finished_in_time(settings: Providers) -> None:
    now = utc_now()
    flow = PageFlow(oauth_clients(settings), KEYRING, lambda: now)
    begun = flow.begin("google", CALLBACK, "/")
    answer = await consent(begun.url)
    now += dt.timedelta(seconds=LIFETIME_S)
    with pytest.raises(FlowLost):
        await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)


async def test_a_rotated_secret_ends_no_sign_in(settings: Providers) -> None:
    begun = PageFlow(oauth_clients(settings), Keyring(KEYRING.secrets[1:])).begin("google", CALLBACK, "/")
    answer = await consent(begun.url)
    flow = PageFlow(oauth_clients(settings), KEYRING)
    await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)


async def test_the_code_of_another_browser_is_of_no_use(flow: PageFlow) -> None:
    """Its code verifier is not in this browser's cookie."""
    victim, attacker = flow.begin("google", CALLBACK, "/"), flow.begin("google", CALLBACK, "/")
    stolen = (await consent(victim.url))["code"]
    own_state = (await consent(attacker.url))["state"]
    with pytest.raises(InvalidIdToken):
        await flow.finish("google", attacker.cookie, own_state, stolen, CALLBACK)


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_provider_that_fails_is_named_as_such(provider: LocalProvider, flow: PageFlow, status: int) -> None:
    begun = flow.begin("google", CALLBACK, "/")
    answer = await consent(begun.url)
    provider.status = status
    with pytest.raises(KeysUnavailable):
        await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)


async def test_credentials_follow_no_redirect(provider: LocalProvider, flow: PageFlow, settings: Providers) -> None:
    begun = flow.begin("google", CALLBACK, "/")
    answer = await consent(begun.url)
    async with local_provider() as other:
        provider.moved_to = other.url
        with pytest.raises(KeysUnavailable):
            await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)
        with pytest.raises(KeysUnavailable):  # the token is kept, and revoked by a later attempt
            await oauth_clients(settings)["apple"].revoke("refresh-1", "com.example.app")
        assert other.requests == []


async def test_an_answer_that_arrives_in_pieces_is_read_whole() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for byte in b'{"id_token": "a.b.c", "refresh_token": "r"}':
            await response.write(bytes([byte]))
            await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_post("/token", answer)
    async with TestServer(app) as server:
        client = OAuthClient("google", "Google", "web", lambda _: "secret", "", str(server.make_url("/token")), {})
        assert await client.exchange("code") == Tokens("a.b.c", "r")


@pytest.mark.parametrize("refresh_token", ["r\0", "\ud800"])
async def test_an_answer_with_text_that_cannot_be_stored_is_refused(
    provider: LocalProvider, flow: PageFlow, refresh_token: str
) -> None:
    provider.refresh_token = refresh_token
    begun = flow.begin("google", CALLBACK, "/")
    answer = await consent(begun.url)
    with pytest.raises(InvalidIdToken):
        await flow.finish("google", begun.cookie, answer["state"], answer["code"], CALLBACK)


async def test_apples_client_secret_is_signed_with_our_key(provider: LocalProvider, settings: Providers) -> None:
    apple = oauth_clients(settings)["apple"]
    await apple.revoke("refresh-1", "com.example.app")
    assert provider.revoked == ["refresh-1"]
    secret = provider.requests[0]["client_secret"]
    assert jwt.get_unverified_header(secret)["kid"] == "KEY"
    claims = jwt.decode(secret, ec_key("ours").public_key(), algorithms=["ES256"], audience=f"{provider.url}/apple")
    assert (claims["iss"], claims["sub"]) == ("TEAM", "com.example.app")


def test_without_its_credentials_a_provider_has_no_button() -> None:
    assert oauth_clients(Providers()) == {}
    assert oauth_clients(Providers(google=Google(web_client_id="web"))) == {}
    flow = PageFlow(oauth_clients(Providers(google=Google(client_ids=("app",)))), KEYRING)
    with pytest.raises(UnknownProvider):
        flow.begin("google", CALLBACK, "/")


def test_a_key_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    missing = Apple(team_id="T", key_id="K", private_key_file=str(tmp_path / "missing.p8"))
    with pytest.raises(InvalidSettings, match=r"PRIVATE_KEY_FILE.*No such file"):
        oauth_clients(Providers(apple=missing))


@pytest.mark.parametrize("text", ["", "no key", public_text(rsa_key("one")).decode()], ids=["empty", "text", "public"])
def test_a_file_that_holds_no_key_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.p8").write_text(text)
    broken = Apple(team_id="T", key_id="K", private_key_file=str(tmp_path / "key.p8"))
    with pytest.raises(InvalidSettings, match=r"PRIVATE_KEY_FILE.*no private key") as refused:
        oauth_clients(Providers(apple=broken))
    assert text == "" or text not in str(refused.value)
