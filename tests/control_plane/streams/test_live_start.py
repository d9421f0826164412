"""Followers are told once per stream, when it is first live."""

from __future__ import annotations

from control_plane.accounts.devices import claim
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox import store as inbox
from control_plane.inbox.model import Kind
from control_plane.inbox.telling import Followers, push_to_followers, tell_all_followers
from control_plane.push.model import ServiceName
from control_plane.push.store import set_services
from control_plane.streams.model import EndReason, StreamOptions, Visibility
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, follow
from tests.control_plane.streams.process import Process
from tests.control_plane.streams.test_lifecycle import A, B

_JOBS = "select payload from pgqueuer where entrypoint = 'tell_all_followers'"


async def tell_waiting(database: Database, batch: int = 2) -> int:
    """Run the jobs that wait, each twice, as after a worker that was killed. Returns their number."""
    jobs = await database.fetch(_JOBS)
    for row in jobs:
        for _ in range(2):
            await tell_all_followers.bind(Followers(database, batch)).run(row["payload"])
    return len(jobs)


async def told(database: Database, user_id: UserId) -> list[tuple[Kind, int, str]]:
    entries = await inbox.page(database, user_id, 10, 0)
    return [(entry.told.kind, entry.told.stream_id, entry.told.text) for entry in entries]


async def test_followers_are_told_once_when_the_stream_is_first_live(here: Process, user_id: UserId) -> None:
    database = here.database
    fans = [await new_user(database) for _ in range(5)]
    silent, banned, stranger = [await new_user(database) for _ in range(3)]
    for fan in (*fans, silent, banned):
        await follow(database, fan, user_id)
    await database.execute("update follow set notified = false where follower_id = $1", silent)
    await ban(database, banned)
    stream = await here.lifecycle.go_live(user_id, StreamOptions(title="Cooking"))
    assert await tell_waiting(database) == 0, "it is not live yet"
    await here.lifecycle.publisher_online(stream.id, A, 0)
    await here.lifecycle.publisher_lost(stream.id, A.source.id, "lost", 0)
    await here.lifecycle.publisher_online(stream.id, B, 0)
    assert await tell_waiting(database) == 1
    for fan in fans:
        assert await told(database, fan) == [(Kind.LIVE, stream.id, "Cooking")]
    for other in (silent, banned, stranger, user_id):
        assert await told(database, other) == []
    await here.lifecycle.end(stream.id, EndReason.OWNER)
    again = await here.lifecycle.go_live(user_id, StreamOptions())
    await here.lifecycle.publisher_online(again.id, A, 0)
    await tell_waiting(database)
    assert [entry[1] for entry in await told(database, fans[0])] == [again.id, stream.id]


async def test_a_stream_that_is_not_public_is_not_told(here: Process, user_id: UserId) -> None:
    await follow(here.database, await new_user(here.database), user_id)
    stream = await here.lifecycle.go_live(user_id, StreamOptions(visibility=Visibility.PRIVATE))
    await here.lifecycle.publisher_online(stream.id, A, 0)
    assert await tell_waiting(here.database) == 0


async def test_all_followers_are_pushed_at_once(here: Process, user_id: UserId) -> None:
    database = here.database
    await set_services(database, [ServiceName.FCM])
    fans = [await new_user(database) for _ in range(5)]
    silent, switched_off, stranger = [await new_user(database) for _ in range(3)]
    for fan in (*fans, silent, switched_off):
        await follow(database, fan, user_id)
    for user in (*fans, silent, switched_off, stranger):
        await claim(database, user, f"phone of {user}", "ios", "1.0", "de-DE")
    await database.execute("update follow set notified = false where follower_id = $1", silent)
    await database.execute("update push_setting set video_updates = false where user_id = $1", switched_off)
    stream = await here.lifecycle.go_live(user_id, StreamOptions(title="Cooking"))
    await here.lifecycle.publisher_online(stream.id, A, 0)
    [job] = await database.fetch("select payload from pgqueuer where entrypoint = 'push_to_followers'")
    await push_to_followers.bind(Followers(database)).run(job["payload"])
    await tell_waiting(database)
    rows = await database.fetch("select user_id from push_outbox order by user_id")
    assert [row["user_id"] for row in rows] == fans, "the entries push no second time"
