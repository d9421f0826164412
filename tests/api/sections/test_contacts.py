"""showRegisteredContacts: who is found, by whom, how often, and that numbers leave no trace."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.accounts import store
from control_plane.accounts.phone_book import (
    AT_ONCE,
    MOST_CONTACTS,
    SEARCHES_PER_DAY,
    PhoneBook,
    TooManySearches,
    normalised,
)
from control_plane.accounts.user import Identity, NewUser
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.sections.apps import APPS, Apps, apps_of

BEN, CARLA, DORA = "+4915123456701", "+4915123456702", "+33612345678"


@pytest.fixture
async def apps(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Apps]:
    async with apps_of(dsn, database, tmp_path, body_limit=1 << 20) as apps:
        yield apps


async def registered(apps: Apps, name: str, phone: str = "", facebook: str = "") -> UserId:
    identities = [Identity("facebook", facebook)] if facebook else []
    async with apps.database.transaction() as connection:
        return await store.create(connection, NewUser(username=name, phone=phone, first_name=name), identities)


@pytest.fixture
async def ann(apps: Apps) -> UserId:
    return await registered(apps, "ann", "+4915123456700")


async def found(apps: Apps, token: str, *numbers: Any, facebook: Any = (), **how: Any) -> list[str]:
    msg = await apps.done(
        "showRegisteredContacts", token, phone_numbers=list(numbers), facebook_ids=list(facebook), **how
    )
    return [entry["User"]["username"] for entry in msg]


AS_WRITTEN = (BEN, "0151 23456701", "0151/234-567 01", "(0151) 23456701", "0049 151 23456701", "00 49 15123456701")


@pytest.mark.parametrize("app", APPS)
async def test_a_number_is_found_as_it_stands_in_a_phone_book(apps: Apps, token: str, ann: UserId, app: Client) -> None:
    await registered(apps, "ben", BEN)
    for number in AS_WRITTEN:
        await apps.database.execute("delete from contact_search")
        body = {"user_id": str(ann), "phone_numbers": [number, "0151 999"], "facebook_ids": None}
        (entry,) = await apps.done("showRegisteredContacts", token, app=app, **body)
        user = entry["User"]
        assert (user["username"], user["phone"], user["email"], user["wallet"]) == ("ben", "", "", 0), "a public record"


async def test_numbers_and_facebook_ids_may_be_objects(apps: Apps, token: str) -> None:
    await registered(apps, "ben", BEN)
    await registered(apps, "carla", facebook="10001")
    await registered(apps, "dora", facebook="10002")
    assert await found(apps, token, {"phone": BEN, "name": "Ben"}, facebook=["10001", {"fb_id": 10002}, "7"]) == [
        *("ben", "carla", "dora")
    ]


async def test_the_country_of_a_number_is_that_of_the_callers_own_number_else_of_the_language(apps: Apps) -> None:
    await registered(apps, "ben", BEN)
    await registered(apps, "dora", DORA)
    french = await apps.token(await registered(apps, "fanny", "+33612345679"))
    nobody = await apps.token(await registered(apps, "guest"))
    local = ("0151 23456701", "06 12 34 56 78")
    assert await found(apps, french, *local, headers={"Accept-Language": "de-DE"}) == ["dora"]
    assert await found(apps, nobody, *local, headers={"Accept-Language": "de-DE"}) == ["ben"]
    assert await found(apps, nobody, *local, headers={"Accept-Language": "de"}) == []
    assert await found(apps, nobody, *local, BEN) == ["ben"]


async def test_the_country_that_a_trusted_proxy_names_comes_before_the_language(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"country_header": "CF-IPCountry", "trusted_proxies": ("127.0.0.1",)}
    async with apps_of(dsn, database, tmp_path, **settings) as apps:
        await registered(apps, "ben", BEN)
        token = await apps.token(await registered(apps, "guest"))
        headers = {"CF-IPCountry": "DE", "Accept-Language": "fr-FR"}
        assert await found(apps, token, "0151 23456701", headers=headers) == ["ben"]
        assert await found(apps, token, "0151 23456701", headers={"Accept-Language": "fr-FR"}) == []


async def test_only_people_who_agree_are_found_and_no_banned_ones_and_not_oneself(
    apps: Apps, token: str, ann: UserId
) -> None:
    ben, carla = (
        await registered(apps, "ben", BEN, facebook="1"),
        await registered(apps, "carla", CARLA, facebook="2"),
    )
    everybody = (BEN, CARLA, "+4915123456700")
    assert await found(apps, token, *everybody, facebook=["1", "2"]) == ["ben", "carla"], "each once"
    await apps.done("addPrivacySetting", await apps.token(ben), found_by_contacts="0")
    assert await found(apps, token, *everybody, facebook=["1", "2"]) == ["carla"]
    await apps.ban(carla)
    assert await found(apps, token, *everybody, facebook=["1", "2"]) == []


async def test_an_identity_of_another_provider_is_no_facebook_id(apps: Apps, token: str) -> None:
    async with apps.database.transaction() as connection:
        await store.create(connection, NewUser(username="gina"), [Identity("google", "10001")])
    assert await found(apps, token, facebook=["10001"]) == []


async def test_what_is_no_number_is_passed_over(apps: Apps, token: str) -> None:
    await registered(apps, "ben", BEN)
    junk: list[Any] = [
        "",
        "mother",
        "110",
        "x" * 5000,
        None,
        [],
        {},
        {"phone": None},
        1.5,
        True,
        "+",
        "\0",
        "٠١٥١",
        -1,
        2**70,
    ]
    assert await found(apps, token, *junk, BEN, facebook=["", None, {}, [], "\0", "x" * 5000]) == ["ben"]
    assert await found(apps, token, *junk) == []


@pytest.mark.parametrize("name", ["phone_numbers", "facebook_ids"])
async def test_a_search_has_a_largest_size(apps: Apps, token: str, name: str) -> None:
    async def searched(sent: Any) -> dict[str, Any]:
        body: dict[str, Any] = {name: sent}
        return await apps.call("showRegisteredContacts", token, **body)

    assert (await searched(["0151 1"] * MOST_CONTACTS))["code"] == 200
    answer = await searched(["0151 1"] * (MOST_CONTACTS + 1))
    assert (answer["code"], answer["msg"]) == (400, f"{name} may have at most 2000 entries.")
    answer = await searched("0151")
    assert (answer["code"], answer["msg"]) == (400, f"{name} must be a list.")


async def test_a_user_searches_a_few_times_a_day(apps: Apps, ann: UserId, token: str) -> None:
    await registered(apps, "ben", BEN)
    for _ in range(20):
        assert await found(apps, token) == [], "without contacts nothing is searched"
    for _ in range(SEARCHES_PER_DAY):
        assert await found(apps, token, BEN) == ["ben"]
    for _ in range(2):
        answer = await apps.call("showRegisteredContacts", token, phone_numbers=[BEN])
        assert (answer["code"], "tomorrow" in answer["msg"]) == (201, True)
    other = await apps.token(await registered(apps, "carla", CARLA))
    assert await found(apps, other, BEN) == ["ben"]
    now = dt.datetime.now(dt.UTC)
    (me,) = (await store.by_ids(apps.database, [ann])).values()
    with pytest.raises(TooManySearches):
        await PhoneBook(apps.database, lambda: now).search(me, [BEN], [])
    tomorrow = PhoneBook(apps.database, lambda: now + dt.timedelta(days=1))
    assert len(await tomorrow.search(me, [BEN], [])) == 1


async def test_the_number_of_queries_does_not_grow_with_the_contacts(apps: Apps, token: str) -> None:
    for number in range(10, 30):
        await registered(apps, f"user{number}", f"+491512345{number}00")
    await found(apps, token, BEN)
    few = await apps.queries("showRegisteredContacts", token, phone_numbers=[BEN])
    many = [f"0151 2345{number}00" for number in range(10, 30)] + [
        f"0151 {number}" for number in range(1000000, 1001900)
    ]
    assert len(await found(apps, token, *many)) == 20
    assert await apps.queries("showRegisteredContacts", token, phone_numbers=many) == few == 4


async def test_other_calls_run_while_a_large_phone_book_is_parsed() -> None:
    numbers = [f"0151 {number}" for number in range(1_000_000, 1_000_000 + MOST_CONTACTS)]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    assert len(await normalised(numbers, "DE")) == MOST_CONTACTS
    counting.cancel()
    assert turns == MOST_CONTACTS / AT_ONCE, "parsing waits for nothing else"


async def test_numbers_are_neither_stored_nor_logged(apps: Apps, token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await registered(apps, "ben", BEN)
    assert await found(apps, token, BEN, "+4915799988877", facebook=["555000111"]) == ["ben"]
    assert "99988877" not in caplog.text
    assert "555000111" not in caplog.text
    tables = await apps.database.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    for table in tables:
        content = await apps.database.fetchval(f"select string_agg(t::text, ' ') from {table['relname']} t")
        assert "99988877" not in (content or "")
        assert "555000111" not in (content or "")


async def test_only_a_user_searches_and_only_the_own_contacts(apps: Apps, token: str, ann: UserId) -> None:
    ben = await registered(apps, "ben", BEN)
    body: dict[str, Any] = {"phone_numbers": [BEN]}
    assert (await apps.call("showRegisteredContacts", "0", Client.ANDROID, **body))["code"] == 501
    answer = await apps.call("showRegisteredContacts", token, **body, user_id=str(ben))
    assert answer["code"] == 201
    await apps.ban(ann)
    assert "have been blocked" in (await apps.call("showRegisteredContacts", token, **body))["msg"]


async def test_a_user_who_is_only_named_searches_nothing_in_production(
    apps: Apps, ann: UserId, dsn: str, tmp_path: Path
) -> None:
    folder = tmp_path / "production"
    folder.mkdir()
    async with apps_of(dsn, apps.database, folder, dev=False, body_identity=True) as production:
        answer = await production.call(
            "showRegisteredContacts", app=Client.ANDROID, user_id=str(ann), phone_numbers=[BEN]
        )
    assert answer["code"] == 501
