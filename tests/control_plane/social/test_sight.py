"""Which users a viewer sees: every kind of viewer and of user, by the rule and by the statements of lists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.social.blocks_store import are_blocked
from control_plane.social.people import people, person
from control_plane.social.sight import Sight, sight
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private

Change = Callable[[Database, UserId, UserId], Awaitable[None]]
"""Of the database, a viewer and a user."""


class Case(NamedTuple):
    name: str
    seen: Sight | None
    """What the viewer sees; None: the user is not even read."""
    by_guest: Sight | None
    changes: tuple[Change, ...] = ()


async def private(database: Database, viewer: UserId, user: UserId) -> None:
    await make_private(database, user)


async def banned(database: Database, viewer: UserId, user: UserId) -> None:
    await ban(database, user)


async def deleted(database: Database, viewer: UserId, user: UserId) -> None:
    await delete(database, user)


async def follows(database: Database, viewer: UserId, user: UserId) -> None:
    await follow(database, viewer, user)


async def followed(database: Database, viewer: UserId, user: UserId) -> None:
    await follow(database, user, viewer)


async def blocks(database: Database, viewer: UserId, user: UserId) -> None:
    await block(database, viewer, user)


async def blocked(database: Database, viewer: UserId, user: UserId) -> None:
    await block(database, user, viewer)


CASES = (
    Case("stranger", Sight.CONTENT, Sight.CONTENT),
    Case("followed user", Sight.CONTENT, Sight.CONTENT, (follows,)),
    Case("private stranger", Sight.PROFILE, Sight.PROFILE, (private,)),
    Case("private user who follows the viewer", Sight.PROFILE, Sight.PROFILE, (private, followed)),
    Case("private user whom the viewer follows", Sight.CONTENT, Sight.PROFILE, (private, follows)),
    Case("user whom the viewer blocks", Sight.BLOCKED, Sight.CONTENT, (blocks,)),
    Case("user who blocks the viewer", Sight.HIDDEN, Sight.CONTENT, (blocked,)),
    Case("both block each other", Sight.HIDDEN, Sight.CONTENT, (blocks, blocked)),
    Case(
        "private user whom the viewer follows and who blocks the viewer",
        Sight.HIDDEN,
        Sight.PROFILE,
        (private, follows, blocked),
    ),
    Case("banned", Sight.HIDDEN, Sight.HIDDEN, (banned,)),
    Case("banned, and the viewer blocks", Sight.HIDDEN, Sight.HIDDEN, (banned, blocks)),
    Case("deleted", None, None, (deleted,)),
)
LISTED = f"""
    select exists (select from visible_user where id = $1) and not {are_blocked("$1", "$2::integer")}
"""


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_what_a_viewer_sees(database: Database, case: Case) -> None:
    viewer, user = await new_user(database), await new_user(database)
    for change in case.changes:
        await change(database, viewer, user)
    for viewer_id, expected in ((viewer, case.seen), (None, case.by_guest)):
        listed = await people(database, viewer_id, [user])
        assert bool(listed) == (expected is not None and expected >= Sight.PROFILE)
        assert await database.fetchval(LISTED, user, viewer_id) == bool(listed), "statements hold the same rule"
        if expected is None or expected is Sight.HIDDEN:
            with pytest.raises(UserNotFound):
                await person(database, viewer_id, user)
        else:
            assert sight(await person(database, viewer_id, user)) is expected


async def test_one_sees_oneself(database: Database) -> None:
    user = await new_user(database)
    await make_private(database, user)
    seen = await person(database, user, user)
    assert sight(seen) is Sight.CONTENT
    assert seen.own


async def test_a_list_is_in_the_order_of_its_ids(database: Database) -> None:
    users = [await new_user(database) for _ in range(5)]
    wanted = [users[3], users[0], UserId(987_654), users[4]]
    assert list(await people(database, users[1], wanted)) == [users[3], users[0], users[4]]
