"""Users as stored in the database."""

from __future__ import annotations

import pytest

from control_plane.accounts import store
from control_plane.accounts.user import AlreadyTaken, Identity, NewUser
from control_plane.base.ids import UserId
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import WatchedDatabase

NOBODY = UserId(999_999)


@pytest.fixture
async def ann(database: WatchedDatabase) -> UserId:
    async with database.transaction() as connection:
        return await store.create(connection, NewUser(username="Ann"), [Identity("uid", "u1")])


async def test_people_are_found_by_their_ids(database: WatchedDatabase, ann: UserId) -> None:
    bob = await new_user(database)
    found = await store.by_ids(database, [bob, NOBODY, ann, ann])
    assert {user_id: user.id for user_id, user in found.items()} == {ann: ann, bob: bob}
    assert await store.by_ids(database, []) == {}


@pytest.mark.parametrize(
    ("name", "is_found"), [("Ann", True), ("aNN", True), ("ann ", False), ("", False), ("A%", False)]
)
async def test_a_name_is_found_in_any_spelling(
    database: WatchedDatabase, ann: UserId, name: str, *, is_found: bool
) -> None:
    assert await store.holder_of_name(database, name) == (ann if is_found else None)


async def test_a_way_in_can_be_added_and_stays_with_whom_it_leads_to(database: WatchedDatabase, ann: UserId) -> None:
    bob, way = await new_user(database), Identity("google", "g")
    assert await store.id_by_identity(database, way) is None
    for person, email in ((ann, "Ann@example.com"), (bob, "bob@example.com")):
        await store.add_identity(database, way, person, email.lower(), "")
        assert await store.id_by_identity(database, way) == (None if person == ann else ann), "no such address"
        await database.execute("update app_user set email = $2 where id = $1", person, email)
        await store.add_identity(database, way, person, email.lower(), "")
    assert await store.id_by_identity(database, way) == ann
    assert await store.id_by_identity(database, Identity("uid", "u1")) == ann


@pytest.mark.parametrize(
    ("new", "taken"),
    [
        (NewUser(username="aNN"), "This username"),
        (NewUser(username="b", email="ANN@example.com"), "This email address"),
        (NewUser(username="b", phone="+4912345"), "This phone number"),
        (NewUser(username="b"), "These sign-in data"),
    ],
)
async def test_what_another_account_has_is_taken(database: WatchedDatabase, new: NewUser, taken: str) -> None:
    first = NewUser(username="Ann", email="ann@example.com", phone="+4912345")
    async with database.transaction() as connection:
        await store.create(connection, first, [Identity("uid", "u1")])
    with pytest.raises(AlreadyTaken, match=taken):
        async with database.transaction() as connection:
            await store.create(connection, new, [Identity("uid", "u1")])
