"""`/session` and `/account`: which ways to sign in are offered, and what a request without our page's origin gets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.contract.client import Client as App
from api.contract.endpoint import Section
from api.contract.platform import Platform
from api.http.cookies import PLAIN
from api.pages import Pages
from control_plane.accounts import deletion_store
from control_plane.accounts.claims import Requester
from control_plane.accounts.codes.codes import Purpose
from control_plane.accounts.store import id_by_contact, id_by_username
from control_plane.base.clock import utc_now
from control_plane.base.errors import present
from control_plane.db.pool import Database
from control_plane.delivery.contacts import email_contact
from tests.api.served import served
from tests.control_plane.payouts.till import Till
from tests.control_plane.pictures.samples import quarters, saved

Client = TestClient[web.Request, web.Application]
ANN = email_contact("ann@example.com")


class Site:
    """The pages, as a browser calls them."""

    def __init__(self, client: Client, platform: Platform) -> None:
        self.client = client
        self.platform = platform

    @property
    def origin(self) -> str:
        return str(self.client.make_url("")).rstrip("/")

    async def call(self, method: str, path: str, token: str = "", origin: str | None = "", **body: Any) -> Any:
        """The status and the JSON of the answer. `origin` empty: that of our page; None: none."""
        headers = {"Cookie": f"{PLAIN}={token}"} if token else {}
        if origin is not None:
            headers["Origin"] = origin or self.origin
        async with self.client.request(method, path, json=body or None, headers=headers) as answer:
            return answer.status, await answer.json()

    async def enter(self, **values: str) -> str:
        """Sign in. Returns the token in the cookie."""
        async with self.client.post("/session", json=values, headers={"Origin": self.origin}) as answer:
            assert answer.status == 200, await answer.text()
            token: str = answer.cookies[PLAIN].value
            self.client.session.cookie_jar.clear()
            return token

    async def code(self, purpose: Purpose) -> str:
        """Have a code sent to ANN, as the contract's endpoint does from the same address."""
        codes = self.platform.accounts.codes
        await self.platform.database.execute("update contact_code set created_at = created_at - interval '1 minute'")
        await codes.send(ANN, purpose, Requester("127.0.0.1", App.DOCUMENT.value))
        [sent, *_] = await codes.newest(1)
        return codes.text(sent)


@asynccontextmanager
async def site_of(dsn: str, database: Database, folder: Path, **options: Any) -> AsyncIterator[Site]:
    async with served(dsn, database, folder, Section("none"), **options) as (_, platform):
        app = web.Application()
        app.add_routes(Pages(platform, lambda stream_ids: {}, lambda: None).routes())  # type: ignore[arg-type,return-value]
        async with TestClient(TestServer(app)) as client:
            yield Site(client, platform)


@pytest.fixture
async def site(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(dsn, database, tmp_path) as site:
        yield site


@pytest.mark.parametrize(
    ("options", "ways", "channels"),
    [
        ({}, ["name", "code", "password", "reset", "token"], ["email", "phone"]),
        ({"dev": False}, ["password", "token"], []),
        ({"dev": False, "mail_url": "mailto://localhost"}, ["code", "password", "reset", "token"], ["email"]),
    ],
)
async def test_only_ways_that_can_work_are_offered(
    dsn: str, database: Database, tmp_path: Path, options: Any, ways: list[str], channels: list[str]
) -> None:
    async with site_of(dsn, database, tmp_path, **options) as site:
        _, shown = await site.call("GET", "/session")
        assert (shown["ways"], shown["channels"]) == (ways, channels)
        if "name" not in ways:
            status, answer = await site.call("POST", "/session", name="ann")
            assert (status, answer["message"]) == (400, f"Please send {_fields(ways)}.")


def _fields(ways: list[str]) -> str:
    fields = {"code": "code_of", "password": "login", "reset": "reset_of", "token": "auth_token"}
    return " or ".join(fields[way] for way in ways)


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"login": "ann"}, 400),
        ({"login": "ann", "password": ""}, 400),
        ({"login": "ann", "password": "x" * 2001}, 400),
        ({"code_of": "ann@example.com"}, 400),
        ({"code_of": "nowhere", "code": "123456"}, 403),
        ({"code_of": "ann@example.com", "code": "123456"}, 403),
        ({"reset_of": "ann@example.com", "code": "123456", "password": "correct horse battery"}, 403),
        ({"login": "ann", "password": "wrong horse battery"}, 403),
        ({"auth_token": "x"}, 401),
        ({"login": {"$ne": ""}, "password": "x"}, 400),
    ],
)
async def test_what_proves_nothing_signs_nobody_in(site: Site, values: dict[str, Any], status: int) -> None:
    async with site.client.post("/session", json=values, headers={"Origin": site.origin}) as answer:
        assert answer.status == status
        assert "Set-Cookie" not in answer.headers
        assert (await answer.json())["message"]


async def test_a_code_opens_one_account_and_signs_in_to_it_later(site: Site) -> None:
    tokens = [await site.enter(code_of=" Ann@Example.com ", code=await site.code(Purpose.SIGN_IN)) for _ in range(2)]
    sessions = site.platform.accounts.sessions
    callers = [present(await sessions.identify(token), "a session") for token in tokens]
    assert callers[0].user_id == callers[1].user_id == await id_by_contact(site.platform.database, ANN.email, "")


async def test_a_password_is_set_by_a_code_which_ends_other_sessions(site: Site) -> None:
    first = await site.enter(code_of=ANN.address, code=await site.code(Purpose.SIGN_IN))
    assert await site.call("GET", "/account/current", first) == (200, {"has_password": False, "deletion_days": 30})
    code = await site.code(Purpose.RESET_PASSWORD)
    second = await site.enter(reset_of=ANN.address, code=code, password="correct horse battery")
    assert (await site.call("GET", "/account/current", first))[0] == 401
    assert (await site.call("GET", "/account/current", second))[1]["has_password"] is True
    await site.enter(login=ANN.address, password="correct horse battery")


async def test_the_sign_in_that_brings_an_account_back_says_so(site: Site) -> None:
    await site.enter(name="ann")
    user_id = present(await id_by_username(site.platform.database, "ann"), "ann")
    for came_back in (False, True, False):
        if came_back:
            await site.platform.personal_data.deletion.delete(user_id)
        assert (await site.call("POST", "/session", name="ann"))[1]["came_back"] is came_back
    assert not await deletion_store.bring_back(site.platform.database, user_id)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/account/current"), ("DELETE", "/account/picture"), ("DELETE", "/account/sessions")]
)
@pytest.mark.parametrize("origin", ["", None, "https://elsewhere.example"])
async def test_only_our_own_page_changes_the_account(site: Site, method: str, path: str, origin: str | None) -> None:
    token, other = [await site.enter(name="ann") for _ in range(2)]
    assert (await site.call(method, path, origin=origin))[0] == 401, "a guest"
    status, _ = await site.call(method, path, token, origin)
    assert status == (200 if origin == "" or (origin is None and method == "GET") else 401)
    ended = status == 200 and path.endswith("sessions")
    assert (await site.call("GET", "/account/current", other))[0] == (401 if ended else 200)
    assert (await site.call("GET", "/account/current", token))[0] == 200


@pytest.mark.parametrize("origin", ["", None, "https://elsewhere.example"])
async def test_only_our_own_page_sends_the_code_of_a_payout_address(site: Site, origin: str | None) -> None:
    token = await site.enter(name="ann")
    assert (await site.call("POST", "/account/payout-code", origin=origin))[0] == 401, "a guest"
    assert (await site.call("POST", "/account/payout-code", token, origin))[0] == (403 if origin == "" else 401)
    await site.platform.database.execute("update app_user set email = $1 where username = 'ann'", ANN.address)
    status, answer = await site.call("POST", "/account/payout-code", token, origin)
    assert (status, answer) == (200, {"to": ANN.address}) if origin == "" else status == 401
    assert len(await site.platform.accounts.codes.newest(5)) == (1 if origin == "" else 0)


async def test_the_page_is_told_what_can_be_withdrawn_and_where_it_goes(site: Site) -> None:
    assert (await site.call("GET", "/account/earnings"))[0] == 401
    token, till = await site.enter(name="ann"), Till(site.platform.database)
    till.sealer = site.platform.payouts.sealer
    ann = await id_by_username(site.platform.database, "ann")
    assert ann is not None
    nothing = {"withdrawable": 0, "fresh": 0, "worth": "0.00", "currency": "USD", "least": 100, "held_until": ""}
    told = await site.call("GET", "/account/earnings", token)
    assert told == (200, {**nothing, "method": "", "address": "", "is_open": False})
    await till.earn(ann, 301)
    await till.pays_to(ann, "ann@example.com")
    await till.pays_to(ann, "DE89370400440532013000", changed_at=utc_now())
    _, answer = await site.call("GET", "/account/earnings", token)
    assert (answer["withdrawable"], answer["worth"]) == (301, "1.50")
    assert (answer["method"], answer["address"]) == ("bank", "DE•••3000")
    assert answer["held_until"] > utc_now().isoformat()


async def test_the_picture_is_removed_and_its_files_with_it(site: Site) -> None:
    token, database = await site.enter(name="ann"), site.platform.database
    user_id = present(await id_by_username(database, "ann"), "ann")
    await site.platform.accounts.profile_media.set_picture(user_id, saved(quarters(), "JPEG"))
    assert (await site.call("GET", "/session", token))[1]["user"]["profile_pic"]
    assert (await site.call("DELETE", "/account/picture", token))[0] == 200
    assert (await site.call("GET", "/session", token))[1]["user"]["profile_pic"] == ""
    assert await database.fetch("select name from stored_file where state <> 'deleting'") == []
