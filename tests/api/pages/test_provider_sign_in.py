"""`/session/<provider>`: what a browser, or an attacker in its place, sends to the sign-in with a provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from api.contract.endpoint import Section
from api.pages import Pages
from control_plane.config.providers import Google, Providers
from control_plane.db.pool import Database
from tests.api.served import URLS, served
from tests.local_provider import LocalProvider, local_provider

OURS = {"Host": f"{URLS.host}:{URLS.http_port}"}
CALLBACK = "/session/google/callback"
FORM = "application/x-www-form-urlencoded"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def provider() -> AsyncIterator[LocalProvider]:
    async with local_provider() as provider:
        yield provider


@pytest.fixture
async def client(dsn: str, database: Database, tmp_path: Path, provider: LocalProvider) -> AsyncIterator[Client]:
    google = Google(
        web_client_id="pages",
        client_secret="the secret",
        issuer=provider.issuer,
        jwks_url=provider.jwks_url,
        authorize_url=f"{provider.url}/authorize",
        token_url=f"{provider.url}/token",
    )
    async with served(dsn, database, tmp_path, Section("none"), providers=Providers(google=google)) as (_, platform):
        app = web.Application()
        app.add_routes(Pages(platform, lambda stream_ids: {}, lambda: None).routes())  # type: ignore[arg-type,return-value]
        async with TestClient(TestServer(app)) as client:
            yield client


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"code=\xff\xfe&state=\xed\xa0\x80"),
        (FORM, b"&&==&%zz&code"),
        (FORM, b"state=" + b"a=&" * 3000),
        (f"{FORM}; charset=bogus", b"code=1"),
        (f"{FORM}; charset=utf-16", b"code=1"),
        ("multipart/form-data", b"code"),
        ("text/plain", b"code=1"),
        ("", b""),
    ],
)
async def test_a_form_that_is_none_is_redirected_and_refused_there(client: Client, kind: str, body: bytes) -> None:
    answer = await client.post(CALLBACK, data=body, headers={**OURS, "Content-Type": kind}, allow_redirects=False)
    assert answer.status == 303
    assert answer.headers["Location"].startswith(f"{CALLBACK}?")
    answer = await client.get(URL(answer.headers["Location"], encoded=True), headers=OURS)
    assert answer.status == 403


async def test_a_form_with_a_file_is_no_sign_in(client: Client) -> None:
    form = FormData()
    form.add_field("code", b"1", filename="code.txt")
    answer = await client.post(CALLBACK, data=form, headers=OURS)
    assert answer.status == 403


async def test_a_form_that_is_too_large_is_refused(client: Client) -> None:
    answer = await client.post(CALLBACK, data=b"code=" + b"a" * 50_000, headers={**OURS, "Content-Type": FORM})
    assert answer.status == 400


@pytest.mark.parametrize("name", ["x%0d%0aX-Evil:1", "..%2fwatch%2f1%3f%23", "%F0%9F%8C%B9", "Google", "apple", "%00"])
async def test_only_a_provider_that_is_set_up_gets_into_an_address(client: Client, name: str) -> None:
    for method, path, host in [
        ("POST", f"/session/{name}/callback", OURS),
        ("GET", f"/session/{name}/callback?code=1&state=1", OURS),
        ("GET", f"/session/{name}", OURS),
        ("GET", f"/session/{name}", {"Host": "other.example"}),
    ]:
        answer = await client.request(method, URL(path, encoded=True), headers=host, allow_redirects=False)
        assert answer.status == 404, (method, path)
        assert "Location" not in answer.headers


async def test_behind_a_proxy_that_changes_the_host_header_the_sign_in_begins(
    client: Client, provider: LocalProvider
) -> None:
    """nginx does so unless it is told otherwise."""
    behind = {"Host": "127.0.0.1:8080"}
    moved = await client.get("/session/google?next=/studio", headers=behind, allow_redirects=False)
    address = urlsplit(moved.headers["Location"])
    assert f"{address.scheme}://{address.netloc}" == URLS.base
    begun = await client.get(f"{address.path}?{address.query}", headers=behind, allow_redirects=False)
    assert begun.headers["Location"].startswith(f"{provider.url}/authorize")


@pytest.mark.parametrize(
    ("user", "first_name"),
    [
        ('{"name": {"firstName": "Ann\\u0000"}}', "Ann"),
        ('{"name": {"firstName": "Ann\\ud83c"}}', "Ann\ufffd"),
        ('{"name": {"firstName": "\\ud83c\\udf39"}}', "🌹"),
        ('{"name": {"firstName": ["Ann"]}}', ""),
        ('{"name": {"firstName": null}}', ""),
        ('{"name": "Ann"}', ""),
        ("[" * 2000, ""),
        ("", ""),
    ],
)
async def test_any_name_beside_the_token_signs_in(
    client: Client, provider: LocalProvider, database: Database, user: str, first_name: str
) -> None:
    provider.user = {"sub": "1001"}
    begun = await client.get("/session/google", headers=OURS, allow_redirects=False)
    asked = {name: texts[0] for name, texts in parse_qs(urlsplit(begun.headers["Location"]).query).items()}
    consent = await client.session.get(begun.headers["Location"], allow_redirects=False)
    code = parse_qs(urlsplit(consent.headers["Location"]).query)["code"][0]
    cookie: SimpleCookie = begun.cookies
    headers = {**OURS, "Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in cookie.items())}
    query = {"code": code, "state": asked["state"], "user": user}
    answer = await client.get(CALLBACK, params=query, headers=headers)
    assert answer.status == 200
    assert await database.fetchval("select first_name from app_user order by id desc limit 1") == first_name
