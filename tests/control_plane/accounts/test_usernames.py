"""Usernames: the rules, names that are too alike, changes, and races for one name."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from confusable_homoglyphs.confusables import confusables_data
from hypothesis import given
from hypothesis.strategies import text

from control_plane.accounts import development_store, store, usernames
from control_plane.accounts.confusables import ASCII, skeleton
from control_plane.accounts.user import AlreadyTaken, NewUser, UserNotFound
from control_plane.accounts.usernames import (
    CHANGES,
    RESERVED,
    InvalidUsername,
    UsernameChangedTooOften,
    change,
    check_username,
    is_free,
    keys,
)
from control_plane.base.ids import UserId
from tests.control_plane.backends import waiting_backend
from tests.control_plane.watched_database import WatchedDatabase

ROOT = Path(__file__).parents[3]
ALIKE = [
    ("ann", "Ann"),
    ("ann", "ａｎｎ"),  # full width
    ("paypal", "paypaI"),  # a capital I
    ("paypal", "paypa1"),
    ("paypal", "PAYPAL"),
    ("cocoa", "\u0441\u043e\u0441\u043e\u0430"),  # Cyrillic
    ("bob", "b0b"),
    ("barn", "bam"),
    ("straße", "STRASSE"),
    ("ivan", "ıvan"),  # a Turkish dotless i
    ("zoë", "zoe\u0308"),
]


async def user(database: WatchedDatabase, username: str) -> UserId:
    async with database.transaction() as connection:
        return await store.create(connection, NewUser(username=check_username(username)), [])


async def rename(database: WatchedDatabase, user_id: UserId, username: str) -> None:
    async with database.transaction() as connection:
        await change(connection, user_id, username)


async def later(database: WatchedDatabase) -> None:
    """After the time for which former names are kept and changes are counted."""
    await database.execute("update username_owner set until = until - interval '31 days'")
    await database.execute("update username_change set changed_at = changed_at - interval '31 days'")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("a", "a"),
        ("Ann_b.c-1", "Ann_b.c-1"),
        ("a" * 40, "a" * 40),
        ("боб", "боб"),
        ("ａｎｎ", "ann"),
        ("ﬁona", "fiona"),
        ("zoe\u0308", "zoë"),
        ("प्रिया", "प्रिया"),
        ("ラーメン大好き_tokyo", "ラーメン大好き_tokyo"),
        ("김민수kim", "김민수kim"),
        ("علي٧", "علي٧"),
        ("user123", "user123"),
        ("officially", "officially"),
        ("liveanna", "liveanna"),
    ],
)
def test_an_allowed_name_in_its_normal_form(sent: str, stored: str) -> None:
    assert check_username(sent) == stored
    assert check_username(stored) == stored


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *(
            (name, "1 to 40 letters")
            for name in ("", " ", "a b", "a" * 41, "ﷺ" * 10, "a\u200bb", "a\u202eb", "a\u2066b")
        ),
        *(
            (name, "1 to 40 letters")
            for name in ("a\0", "a\n", "a/b", "@a", "<a>", "🎤", "a\u00adb", "a\ufe0f", "\u200e")
        ),
        ("a" + "\u0335" * 2, "1 to 40 letters"),  # marks drawn over a letter
        ("ก" + "\u0e49" * 4, "1 to 40 letters"),
        ("\u093fa", "1 to 40 letters"),
        ("aʼb", "1 to 40 letters"),
        *((name, "must not be a number") for name in ("7", "007", "٧", "７", "²")),
        *((name, "needs a letter or digit") for name in ("_", "-.-", ".a", "a.", "ー")),
        *((name, "different scripts") for name in ("p\u0430ypal", "\u03b1nn", "b\u043eb1", "a٧", "a1٧", "กa")),
        *((name, "reserved") for name in ("admin", "Admin", "ad.min", "_admin_", "adrnin", "ａｄｍｉｎ", "A-D-M-I-N")),
        *(
            (name, "reserved")
            for name in ("supp0rt", "official", "watch", "studio", "api", "nuII", "\u0441\u0435\u043e")
        ),
        *((name, "reserved") for name in ("stagedoor", "Stage.Door", "stagedoor_help", "the.stagedoor", "staged00r")),
    ],
)
def test_a_name_that_is_not_allowed(name: str, why: str) -> None:
    with pytest.raises(InvalidUsername, match=why):
        check_username(name)


def test_the_servers_own_paths_are_reserved() -> None:
    sources = [ROOT / "api/app.py", ROOT / "api/http/files.py", *(ROOT / "api/pages").glob("*.py")]
    routes = re.compile(r"""(?:web\.(?:get|post|static)\(\s*f?|^[A-Z]+ = )"/(\w+)""", re.MULTILINE)
    paths = {path for source in sources for path in routes.findall(source.read_text())}
    assert paths >= {"live", "watch", "studio", "session", "media", "files", "ws", "static", "metrics"}
    assert {path for path in paths if path not in RESERVED} == set()


def test_an_operator_may_use_reserved_words() -> None:
    assert check_username("support", by_operator=True) == "support"
    with pytest.raises(InvalidUsername, match="different scripts"):
        check_username("supp\u043ert", by_operator=True)


def test_ascii_texts_need_no_other_confusables() -> None:
    of_names = {
        character: confusables_data[character][0]["c"]
        for character in map(chr, range(128))
        if (character.isalnum() or character in "_.-|") and len(confusables_data.get(character, ())) == 1
    }
    assert of_names == ASCII
    assert skeleton("Im10") == "lrnlO"


@given(text(max_size=12))
def test_the_normal_form_is_stable_and_has_the_same_keys(sent: str) -> None:
    try:
        name = check_username(sent)
    except InvalidUsername:
        return
    assert check_username(name) == name
    assert keys(name) == keys(sent)
    assert not set(keys(name)).isdisjoint(keys(name.swapcase()))
    assert all(0 < len(key) < 1000 for key in keys(name))


@pytest.mark.parametrize(("name", "other"), ALIKE)
async def test_names_that_look_alike_are_for_one_user(database: WatchedDatabase, name: str, other: str) -> None:
    for first, second in ((name, other), (other, name)):
        await database.execute("delete from app_user")
        await user(database, first)
        assert not await is_free(database, second)
        with pytest.raises(AlreadyTaken, match=r"This username is already taken\."):
            await user(database, second)


async def test_names_that_do_not_look_alike(database: WatchedDatabase) -> None:
    for name in ("ann", "ann_", "a.nn", "ian", "Ali", "alp", "боб", "bob2"):
        assert await is_free(database, name)
        await user(database, name)


async def test_a_former_name_is_kept_and_found(database: WatchedDatabase) -> None:
    ann = await user(database, "Ann")
    await rename(database, ann, "anna")
    assert [await store.holder_of_name(database, name) for name in ("anna", "ann", "ANNA", "Ann")] == [ann] * 4
    assert not await is_free(database, "ann")
    assert await is_free(database, "ann", ann)
    for name in ("ann", "ANN", "ａｎｎ"):
        with pytest.raises(AlreadyTaken):
            await user(database, name)
    await rename(database, ann, "ann")  # back
    assert await store.holder_of_name(database, "anna") == ann


async def test_a_former_name_is_free_after_a_time(database: WatchedDatabase) -> None:
    ann = await user(database, "PaypaI")
    await rename(database, ann, "anna")
    await later(database)
    assert await is_free(database, "paypal")
    assert await store.holder_of_name(database, "PaypaI") is None
    bob = await user(database, "paypal")
    assert await store.holder_of_name(database, "PAYPAL") == bob
    with pytest.raises(AlreadyTaken):
        await rename(database, ann, "PaypaI")
    await usernames.keep_usernames.function(database)
    kept = await database.fetch("select key, user_id from username_owner")
    assert {(row["key"], row["user_id"]) for row in kept} == {("anna", ann), ("paypal", bob)}


async def test_changes_are_limited(database: WatchedDatabase) -> None:
    ann = await user(database, "ann")
    for number in range(CHANGES):
        await rename(database, ann, f"ann.{number}")
        await rename(database, ann, f"ANN.{number}")  # another case is no change
    with pytest.raises(UsernameChangedTooOften, match="3 times in 30 days"):
        await rename(database, ann, "anna")
    await later(database)
    await rename(database, ann, "anna")
    with pytest.raises(UserNotFound):
        await rename(database, UserId(987654), "nobody-there")


async def test_a_change_takes_the_verified_badge_away(database: WatchedDatabase) -> None:
    ann = await user(database, "ann")
    await database.execute("update app_user set verified = true")
    for name, verified in {"ANN": True, "anna": False}.items():
        await rename(database, ann, name)
        assert await database.fetchval("select verified from app_user") is verified


async def test_a_change_that_is_refused_changes_nothing(database: WatchedDatabase) -> None:
    ann, _ = await user(database, "ann"), await user(database, "bob")
    for name, refused in {"BOB": AlreadyTaken, "b0b": AlreadyTaken, "admin": InvalidUsername}.items():
        with pytest.raises(refused):
            await rename(database, ann, name)
    rows = await database.fetch("select key from username_owner where user_id = $1 and until is null", ann)
    assert [row["key"] for row in rows] == keys("ann")
    assert await database.fetchval("select count(*) from username_change") == 0


async def test_of_users_who_take_one_name_at_once_one_succeeds(database: WatchedDatabase) -> None:
    people = [await user(database, f"person.{name}") for name in "abcd"]
    outcomes = await asyncio.gather(
        *(rename(database, person, name) for person, name in zip(people, ("bob", "BOB", "b0b", "Bob"), strict=True)),
        *(user(database, name) for name in ("bob", "B0b")),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == len(outcomes) - 1
    assert all(isinstance(outcome, AlreadyTaken) for outcome in refused)
    assert await database.fetchval("select count(*) from username_owner where key = $1", keys("bob")[0]) == 1


async def test_a_name_that_is_given_up_while_it_is_registered_stays_kept(database: WatchedDatabase) -> None:
    ann = await user(database, "ann")
    async with database.transaction() as connection:
        await change(connection, ann, "anna")
        registration = asyncio.create_task(user(database, "ann"))
        await waiting_backend(database)
    with pytest.raises(AlreadyTaken):
        await registration


async def test_two_users_who_swap_their_names_at_once(database: WatchedDatabase) -> None:
    ann, bob = await user(database, "ann"), await user(database, "bob")
    outcomes = await asyncio.gather(rename(database, ann, "bob"), rename(database, bob, "ann"), return_exceptions=True)
    assert all(isinstance(outcome, AlreadyTaken) for outcome in outcomes)
    assert (await store.holder_of_name(database, "ann"), await store.holder_of_name(database, "bob")) == (ann, bob)


async def test_names_without_a_record_are_recorded_by_the_job(database: WatchedDatabase) -> None:
    ann = await user(database, "ann")
    await database.execute("delete from username_owner")  # as if an earlier release had made the user
    assert await store.holder_of_name(database, "ANN") == ann
    assert not await is_free(database, "ANN")
    await usernames.keep_usernames.function(database)
    with pytest.raises(AlreadyTaken):
        await user(database, "ａｎｎ")


async def test_removed_demo_users_free_their_names(database: WatchedDatabase) -> None:
    ada = await user(database, "ada")
    await database.execute("insert into user_identity (provider, subject, user_id) values ('demo', 'ada', $1)", ada)
    async with database.transaction() as connection:
        await development_store.remove_demo_people(connection)
    await user(database, "ada")
