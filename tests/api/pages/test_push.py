"""`/push`: what a page, or an attacker in its place, sends to have push messages shown in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric import ec

from api.contract.endpoint import Section
from api.pages import Pages
from control_plane.config.push import PushSettings, Web
from control_plane.db.pool import Database
from tests.api.served import URLS, served
from tests.local_push import LocalBrowser

BASE = f"http://{URLS.host}:{URLS.http_port}"
OURS = {"Host": f"{URLS.host}:{URLS.http_port}", "Origin": BASE}
ENDPOINT = "https://updates.push.services.mozilla.com/wpush/v2/ann"
BODIES: list[Any] = [
    {},
    {"endpoint": ENDPOINT},
    {"endpoint": 4, "keys": {}},
    [],
    None,
    {"endpoint": ENDPOINT, "keys": {"p256dh": 1}},
]
Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def serving(dsn: str, database: Database, folder: Path, **options: Any) -> AsyncIterator[Client]:
    async with served(dsn, database, folder, Section("none"), **options) as (_, platform):
        app = web.Application()
        app.add_routes(Pages(platform, lambda stream_ids: {}, lambda: None).routes())  # type: ignore[arg-type,return-value]
        async with TestClient(TestServer(app)) as client:
            yield client


@pytest.fixture
async def client(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(dsn, database, tmp_path) as client:
        yield client


async def sign_in(client: Client, name: str) -> dict[str, str]:
    """Headers of a page of this user."""
    async with client.post("/session", json={"name": name}, headers=OURS) as answer:
        cookie = answer.headers["Set-Cookie"].split(";")[0]
    client.session.cookie_jar.clear()
    return {**OURS, "Cookie": cookie, "Accept-Language": "de-DE,de;q=0.9"}


def subscription() -> dict[str, Any]:
    browser = LocalBrowser(ENDPOINT, ec.generate_private_key(ec.SECP256R1()), b"s" * 16)
    return {
        "endpoint": browser.endpoint,
        "expirationTime": None,
        "keys": {"p256dh": browser.public_key, "auth": browser.auth},
    }


async def shown(client: Client, headers: dict[str, str]) -> bool:
    async with client.get("/push", headers=headers) as answer:
        return bool((await answer.json())["subscribed"])


async def test_a_page_subscribes_its_browser_and_ends_that(client: Client, database: Database) -> None:
    ann = await sign_in(client, "ann")
    assert not await shown(client, ann)
    async with client.post("/push", json=subscription(), headers=ann) as answer:
        assert answer.status == 200
        view = await answer.json()
    assert view["subscribed"]
    assert len(view["public_key"]) == 87, "an uncompressed point in base64url"
    assert await database.fetchval("select language from web_push_subscription") == "de-DE"
    assert await shown(client, ann)
    assert not await shown(client, await sign_in(client, "bob"))
    async with client.delete("/push", headers=ann) as answer:
        assert answer.status == 200
    assert not await shown(client, ann)


async def test_signing_out_ends_it(client: Client, database: Database) -> None:
    ann = await sign_in(client, "ann")
    async with client.post("/push", json=subscription(), headers=ann) as answer:
        assert answer.status == 200
    async with client.delete("/session", headers=ann) as answer:
        assert answer.status == 200
    assert await database.fetchval("select count(*) from web_push_subscription") == 0


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("origin", ["https://attacker.example.com", "null", None])
async def test_pages_of_other_sites_are_refused(
    client: Client, database: Database, method: str, origin: str | None
) -> None:
    ann = await sign_in(client, "ann")
    async with client.post("/push", json=subscription(), headers=ann):
        pass
    del ann["Origin"]
    headers = ann | ({"Origin": origin} if origin else {})
    async with client.request(method, "/push", json=subscription(), headers=headers) as answer:
        assert answer.status == 403
    assert await database.fetchval("select count(*) from web_push_subscription") == 1


async def test_guests_subscribe_to_nothing(client: Client) -> None:
    async with client.post("/push", json=subscription(), headers=OURS) as answer:
        assert answer.status == 401
    async with client.delete("/push", headers=OURS) as answer:
        assert answer.status == 200
    assert not await shown(client, OURS)


@pytest.mark.parametrize("body", BODIES)
async def test_a_body_that_is_no_subscription_is_refused(client: Client, body: Any) -> None:
    async with client.post("/push", json=body, headers=await sign_in(client, "ann")) as answer:
        assert answer.status == 400


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    body = {**subscription(), "more": "a" * 10_000}
    async with client.post("/push", json=body, headers=await sign_in(client, "ann")) as answer:
        assert answer.status == 400


async def test_another_server_is_not_sent_to(client: Client) -> None:
    body = {**subscription(), "endpoint": "https://10.0.0.1/"}
    async with client.post("/push", json=body, headers=await sign_in(client, "ann")) as answer:
        assert answer.status == 400
        assert "push service" in (await answer.json())["message"]


async def test_in_production_it_is_absent_until_it_is_set_up(dsn: str, database: Database, tmp_path: Path) -> None:
    async with serving(dsn, database, tmp_path, dev=False) as client, client.get("/push", headers=OURS) as answer:
        assert await answer.json() == {"public_key": "", "subscribed": False}
    assert await database.fetch("select name from push_service") == []
    options = PushSettings(web=Web(subject="mailto:ops@example.com"))
    async with (
        serving(dsn, database, tmp_path, dev=False, push=options) as client,
        client.get("/push", headers=OURS) as answer,
    ):
        assert (await answer.json())["public_key"]
    assert await database.fetchval("select array_agg(name) from push_service") == ["web"]


async def test_the_service_worker_controls_all_pages(client: Client) -> None:
    async with client.get("/push_worker.js", headers=OURS) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/javascript"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "showNotification" in await answer.text()
