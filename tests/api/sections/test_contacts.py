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
from api.sections import settings
from api.sections.users import contacts
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
from tests.api.sections.calling import APPS, Calls, calling

BEN, CARLA, DORA = "+4915123456701", "+4915123456702", "+33612345678"


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, contacts.section, settings.section, body_limit=1 << 20) as calls:
        yield calls


async def registered(calls: Calls, name: str, phone: str = "", facebook: str = "") -> UserId:
    identities = [Identity("facebook", facebook)] if facebook else []
    async with calls.database.transaction() as connection:
        return await store.create(connection, NewUser(username=name, phone=phone, first_name=name), identities)


@pytest.fixture
async def ann(calls: Calls) -> UserId:
    return await registered(calls, "ann", "+4915123456700")


@pytest.fixture
async def token(calls: Calls, ann: UserId) -> str:
    return await calls.token(ann)


async def found(calls: Calls, token: str, *numbers: Any, facebook: Any = (), **how: Any) -> list[str]:
    body = {"phone_numbers": list(numbers), "facebook_ids": list(facebook)}
    return [entry["User"]["username"] for entry in await calls.done("showRegisteredContacts", body, token=token, **how)]


AS_WRITTEN = (BEN, "0151 23456701", "0151/234-567 01", "(0151) 23456701", "0049 151 23456701", "00 49 15123456701")


@pytest.mark.parametrize("app", APPS)
async def test_a_number_is_found_as_it_stands_in_a_phone_book(
    calls: Calls, token: str, ann: UserId, app: Client
) -> None:
    await registered(calls, "ben", BEN)
    for number in AS_WRITTEN:
        await calls.database.execute("delete from contact_search")
        body = {"user_id": str(ann), "phone_numbers": [number, "0151 999"], "facebook_ids": None}
        (entry,) = await calls.done("showRegisteredContacts", body, token=token, app=app)
        user = entry["User"]
        assert (user["username"], user["phone"], user["email"], user["wallet"]) == ("ben", "", "", 0), "a public record"


async def test_numbers_and_facebook_ids_may_be_objects(calls: Calls, token: str) -> None:
    await registered(calls, "ben", BEN)
    await registered(calls, "carla", facebook="10001")
    await registered(calls, "dora", facebook="10002")
    assert await found(calls, token, {"phone": BEN, "name": "Ben"}, facebook=["10001", {"fb_id": 10002}, "7"]) == [
        *("ben", "carla", "dora")
    ]


async def test_the_country_of_a_number_is_that_of_the_callers_own_number_else_of_the_language(calls: Calls) -> None:
    await registered(calls, "ben", BEN)
    await registered(calls, "dora", DORA)
    french = await calls.token(await registered(calls, "fanny", "+33612345679"))
    nobody = await calls.token(await registered(calls, "guest"))
    local = ("0151 23456701", "06 12 34 56 78")
    assert await found(calls, french, *local, headers={"Accept-Language": "de-DE"}) == ["dora"]
    assert await found(calls, nobody, *local, headers={"Accept-Language": "de-DE"}) == ["ben"]
    assert await found(calls, nobody, *local, headers={"Accept-Language": "de"}) == []
    assert await found(calls, nobody, *local, BEN) == ["ben"]


async def test_the_country_that_a_trusted_proxy_names_comes_before_the_language(dsn: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"country_header": "CF-IPCountry", "trusted_proxies": ("127.0.0.1",)}
    async with calling(dsn, tmp_path, contacts.section, **settings) as calls:
        await registered(calls, "ben", BEN)
        token = await calls.token(await registered(calls, "guest"))
        headers = {"CF-IPCountry": "DE", "Accept-Language": "fr-FR"}
        assert await found(calls, token, "0151 23456701", headers=headers) == ["ben"]
        assert await found(calls, token, "0151 23456701", headers={"Accept-Language": "fr-FR"}) == []


async def test_only_people_who_agree_are_found_and_no_banned_ones_and_not_oneself(
    calls: Calls, token: str, ann: UserId
) -> None:
    ben, carla = (
        await registered(calls, "ben", BEN, facebook="1"),
        await registered(calls, "carla", CARLA, facebook="2"),
    )
    everybody = (BEN, CARLA, "+4915123456700")
    assert await found(calls, token, *everybody, facebook=["1", "2"]) == ["ben", "carla"], "each once"
    await calls.done("addPrivacySetting", {"found_by_contacts": "0"}, token=await calls.token(ben))
    assert await found(calls, token, *everybody, facebook=["1", "2"]) == ["carla"]
    await calls.ban(carla)
    assert await found(calls, token, *everybody, facebook=["1", "2"]) == []


async def test_an_identity_of_another_provider_is_no_facebook_id(calls: Calls, token: str) -> None:
    async with calls.database.transaction() as connection:
        await store.create(connection, NewUser(username="gina"), [Identity("google", "10001")])
    assert await found(calls, token, facebook=["10001"]) == []


async def test_what_is_no_number_is_passed_over(calls: Calls, token: str) -> None:
    await registered(calls, "ben", BEN)
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
    assert await found(calls, token, *junk, BEN, facebook=["", None, {}, [], "\0", "x" * 5000]) == ["ben"]
    assert await found(calls, token, *junk) == []


@pytest.mark.parametrize("name", ["phone_numbers", "facebook_ids"])
async def test_a_search_has_a_largest_size(calls: Calls, token: str, name: str) -> None:
    await calls.done("showRegisteredContacts", {name: ["0151 1"] * MOST_CONTACTS}, token=token)
    answer = await calls.call("showRegisteredContacts", {name: ["0151 1"] * (MOST_CONTACTS + 1)}, token=token)
    assert (answer["code"], answer["msg"]) == (400, f"{name} may have at most 2000 entries.")
    answer = await calls.call("showRegisteredContacts", {name: "0151"}, token=token)
    assert (answer["code"], answer["msg"]) == (400, f"{name} must be a list.")


async def test_a_user_searches_a_few_times_a_day(calls: Calls, ann: UserId, token: str) -> None:
    await registered(calls, "ben", BEN)
    for _ in range(20):
        assert await found(calls, token) == [], "without contacts nothing is searched"
    for _ in range(SEARCHES_PER_DAY):
        assert await found(calls, token, BEN) == ["ben"]
    for _ in range(2):
        answer = await calls.call("showRegisteredContacts", {"phone_numbers": [BEN]}, token=token)
        assert (answer["code"], "tomorrow" in answer["msg"]) == (201, True)
    other = await calls.token(await registered(calls, "carla", CARLA))
    assert await found(calls, other, BEN) == ["ben"]
    now = dt.datetime.now(dt.UTC)
    (me,) = (await store.by_ids(calls.database, [ann])).values()
    with pytest.raises(TooManySearches):
        await PhoneBook(calls.database, lambda: now).search(me, [BEN], [])
    tomorrow = PhoneBook(calls.database, lambda: now + dt.timedelta(days=1))
    assert len(await tomorrow.search(me, [BEN], [])) == 1


async def test_the_number_of_queries_does_not_grow_with_the_contacts(calls: Calls, token: str) -> None:
    for number in range(10, 30):
        await registered(calls, f"user{number}", f"+491512345{number}00")
    await found(calls, token, BEN)
    few = await calls.queries("showRegisteredContacts", {"phone_numbers": [BEN]}, token=token)
    many = [f"0151 2345{number}00" for number in range(10, 30)] + [
        f"0151 {number}" for number in range(1000000, 1001900)
    ]
    assert len(await found(calls, token, *many)) == 20
    assert await calls.queries("showRegisteredContacts", {"phone_numbers": many}, token=token) == few == 4


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


async def test_numbers_are_neither_stored_nor_logged(
    calls: Calls, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await registered(calls, "ben", BEN)
    assert await found(calls, token, BEN, "+4915799988877", facebook=["555000111"]) == ["ben"]
    assert "99988877" not in caplog.text
    assert "555000111" not in caplog.text
    tables = await calls.database.fetch(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    for table in tables:
        content = await calls.database.fetchval(f"select string_agg(t::text, ' ') from {table['relname']} t")
        assert "99988877" not in (content or "")
        assert "555000111" not in (content or "")


async def test_only_a_user_searches_and_only_the_own_contacts(calls: Calls, token: str, ann: UserId) -> None:
    ben = await registered(calls, "ben", BEN)
    body = {"phone_numbers": [BEN]}
    assert (await calls.call("showRegisteredContacts", body, token="0"))["code"] == 501
    answer = await calls.call("showRegisteredContacts", {**body, "user_id": str(ben)}, token=token)
    assert answer["code"] == 201
    await calls.ban(ann)
    assert "have been blocked" in (await calls.call("showRegisteredContacts", body, token=token))["msg"]


async def test_a_user_who_is_only_named_searches_nothing_in_production(
    calls: Calls, ann: UserId, dsn: str, tmp_path: Path
) -> None:
    folder = tmp_path / "production"
    folder.mkdir()
    async with calling(dsn, folder, contacts.section, dev=False, body_identity=True) as production:
        answer = await production.call("showRegisteredContacts", {"user_id": str(ann), "phone_numbers": [BEN]})
    assert answer["code"] == 501
