"""The table of running streams follows changes of all processes; the auth callback answers from it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from functools import partial

import asyncpg
import pytest

from control_plane.base.ids import LARGEST_ID, StreamId, UserId
from control_plane.db.pool import DatabaseUnavailable
from control_plane.streams import running as module
from control_plane.streams.access import AccessRequest, Action, Verdict
from control_plane.streams.media.model import Admitted, PathName, SourceId
from control_plane.streams.model import EndReason, Status, Stream, StreamOptions, Visibility
from control_plane.streams.running import ADMITTED_MAX, MISS_DEADLINE_S
from tests.control_plane.bus.proxy import wire
from tests.control_plane.people import new_user
from tests.control_plane.streams.process import Process, process
from tests.control_plane.streams.samples import KEYS, SALT, stream
from tests.postgres import disconnect_everyone
from tests.waiting import until

OPTIONS = StreamOptions()
UNANNOUNCED_ROTATION = "update stream set key_version = key_version + 1 where id = $1"


@pytest.fixture
async def there(dsn: str) -> AsyncIterator[Process]:
    """Another process, which receives messages."""
    async with process(dsn, follows=True) as made:
        yield made


@pytest.fixture
async def outsider(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


def known(process: Process) -> dict[StreamId, Stream]:
    return {stream.id: stream for stream in process.running.all()}


# ── the table ──


async def test_the_start_knows_the_streams_that_have_not_ended(here: Process, user_id: UserId, dsn: str) -> None:
    over = await here.lifecycle.go_live(user_id, OPTIONS)
    await here.lifecycle.end(over.id, EndReason.OWNER)
    running = await here.lifecycle.go_live(user_id, StreamOptions(title="Song", visibility=Visibility.PAID, price=5))
    async with process(dsn) as started_later:
        assert known(started_later) == {running.id: running}
        assert len(started_later.running) == 1
        assert started_later.running.get(over.id) is None


async def test_a_stream_is_found_by_id_and_path_until_it_ends(here: Process) -> None:
    seven = stream()
    here.running.put(seven)
    assert here.running.get(seven.id) is here.running.by_path(seven.path) is seven
    live = stream(status=Status.LIVE)
    here.running.put(live)
    assert list(here.running.all()) == [live]
    moved = stream(path=PathName("live/elsewhere"))
    here.running.put(moved)
    assert here.running.by_path(PathName("live/elsewhere")) is moved
    assert here.running.by_path(seven.path) is None
    here.running.put(stream(status=Status.ENDED, path=moved.path))
    assert list(here.running.all()) == []
    assert here.running.by_path(moved.path) is None


# ── other processes ──


async def test_every_change_of_a_stream_is_announced_once_it_can_be_read(here: Process, user_id: UserId) -> None:
    announced: list[tuple[StreamId, Stream | None]] = []
    here.running.on_change(lambda stream_id: announced.append((stream_id, here.running.get(stream_id))))
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    rotated = await here.lifecycle.rotate(made.id)
    await here.lifecycle.end(made.id, EndReason.OWNER)
    assert announced == [(made.id, made), (made.id, rotated), (made.id, None)]


async def test_a_reload_is_announced_as_a_whole_once_it_can_be_read(
    here: Process, user_id: UserId, outsider: asyncpg.Connection[asyncpg.Record]
) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    single: list[StreamId] = []
    whole: list[int] = []
    here.running.on_change(single.append)
    here.running.on_reload(lambda: whole.append(known(here)[made.id].key_version))
    await outsider.execute(UNANNOUNCED_ROTATION, made.id)
    await here.running.load()
    assert (single, whole) == ([], [2])


async def test_another_processs_changes_come_over(here: Process, there: Process, user_id: UserId) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    await until(lambda: known(there) == {made.id: made})
    rotated = await here.lifecycle.rotate(made.id)
    assert rotated is not None
    await until(lambda: known(there) == {made.id: rotated})
    assert await there.publish(made, version=1) is Verdict.KEY_WRONG
    assert await there.publish(rotated, version=2) is Verdict.ALLOW
    await here.lifecycle.end(made.id, EndReason.OWNER)
    await until(lambda: known(there) == {})
    assert await there.publish(rotated, version=2) is Verdict.UNKNOWN_STREAM


async def test_a_change_of_ours_is_not_read_again_at_once(
    there: Process, user_id: UserId, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 3600)
    async with process(dsn, follows=True) as here:
        made = await here.lifecycle.go_live(user_id, OPTIONS)
        await until(lambda: there.running.get(made.id) == made)
        rotated = await here.lifecycle.rotate(made.id)
        uses = here.database.uses
        for _ in range(2):  # by the time that another change is back from there, our own has come to us as well
            again = await there.lifecycle.rotate(made.id)
            await until(lambda: here.running.get(made.id) == again)  # noqa: B023
        assert rotated != again
        assert here.database.uses == uses + 2


END = "update stream set status = 'ended', end_reason = 'owner', ended_at = now() where id = $1"


async def test_a_change_of_ours_that_took_effect_after_we_gave_up_is_known(there: Process, user_id: UserId) -> None:
    """Its word comes in our own name, and nothing else tells of it."""
    made = await there.lifecycle.go_live(user_id, OPTIONS)
    async with there.database.transaction() as connection:
        await connection.execute(END, made.id)
        await there.running.tell_others(connection, made.id)
    await until(lambda: known(there) == {})


async def test_an_answer_that_comes_late_does_not_bring_an_older_state_back(there: Process, user_id: UserId) -> None:
    made = await there.lifecycle.go_live(user_id, OPTIONS)
    await there.lifecycle.end(made.id, EndReason.OWNER)
    there.running.put(made)
    assert known(there)
    await until(lambda: known(there) == {})


async def test_until_what_was_missed_is_read_we_do_not_follow(there: Process, dsn: str) -> None:
    await until(lambda: there.running.following)
    there.database.passing.clear()
    await lose_the_listening_connection(there, dsn)
    await until(lambda: there.database.kept_back)
    assert there.bus.connected.is_set()
    assert not there.running.following
    there.database.passing.set()
    await until(lambda: there.running.following)


async def test_changes_missed_without_a_listener_are_read_again(
    here: Process, there: Process, user_id: UserId, dsn: str
) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    over = await here.lifecycle.go_live(await new_user(here.database), OPTIONS)
    await until(lambda: set(known(there)) == {made.id, over.id})
    await disconnect_everyone(dsn)
    await until(lambda: not there.bus.connected.is_set())
    async with process(dsn) as third:
        await third.database.execute(UNANNOUNCED_ROTATION, made.id)
        await third.lifecycle.end(over.id, EndReason.OWNER)
    await until(lambda: {id_: stream.key_version for id_, stream in known(there).items()} == {made.id: 2})
    assert there.bus.connected.is_set()


async def test_a_listening_connection_that_is_lost_during_a_reload_causes_another(
    here: Process, there: Process, user_id: UserId, dsn: str
) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    await until(lambda: made.id in known(there))
    there.database.passing.clear()
    await lose_the_listening_connection(there, dsn)
    await until(lambda: there.database.kept_back)
    async with process(dsn) as third:
        await third.database.execute(UNANNOUNCED_ROTATION, made.id)
    await lose_the_listening_connection(there, dsn)
    there.database.passing.set()
    await until(lambda: known(there)[made.id].key_version == 2)


async def lose_the_listening_connection(process: Process, dsn: str) -> None:
    """Close the listening connection and wait for the reconnect."""
    await disconnect_everyone(dsn)
    await until(lambda: not process.bus.connected.is_set())
    await until(process.bus.connected.is_set)


# ── a publisher whom this process has not heard of ──


async def test_a_stream_that_another_process_just_made_is_looked_up_once(
    here: Process, user_id: UserId, dsn: str
) -> None:
    async with process(dsn) as deaf:
        made = await here.lifecycle.go_live(user_id, OPTIONS)
        before = deaf.database.uses
        assert await deaf.publish(made) is Verdict.ALLOW
        assert deaf.database.uses == before + 1
        assert known(deaf) == {made.id: made}
        for _ in range(3):
            assert await deaf.publish(made) is Verdict.ALLOW
            assert await deaf.read(made.path) is Verdict.ALLOW
        assert deaf.database.uses == before + 1


async def test_several_publishers_of_one_unknown_stream_are_one_question(
    here: Process, user_id: UserId, dsn: str
) -> None:
    async with process(dsn) as deaf:
        made = await here.lifecycle.go_live(user_id, OPTIONS)
        before = deaf.database.uses
        assert await asyncio.gather(*(deaf.publish(made) for _ in range(20))) == [Verdict.ALLOW] * 20
        assert deaf.database.uses == before + 1


async def test_the_valid_key_of_a_stream_that_never_was_costs_one_question(here: Process) -> None:
    unknown = stream(id=StreamId(LARGEST_ID), path=PathName(f"live/{LARGEST_ID}"))
    before = here.database.uses
    assert await here.publish(unknown) is Verdict.UNKNOWN_STREAM
    assert here.database.uses == before + 1


async def test_the_key_of_an_ended_stream_costs_one_question_at_most(here: Process, user_id: UserId, dsn: str) -> None:
    over = await here.lifecycle.go_live(user_id, OPTIONS)
    await here.lifecycle.end(over.id, EndReason.OWNER)
    async with process(dsn) as started_later:
        for knows, questions in ((here, 0), (started_later, 1)):
            before = knows.database.uses
            assert [await knows.publish(over) for _ in range(5)] == [Verdict.UNKNOWN_STREAM] * 5
            assert knows.database.uses == before + questions


async def test_of_many_ended_streams_those_that_are_still_tried_are_remembered(
    dsn: str, user_id: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.streams.running.OVER_MAX", 2)
    async with process(dsn) as here:

        async def ended() -> Stream:
            made = await here.lifecycle.go_live(user_id, OPTIONS)
            await here.lifecycle.end(made.id, EndReason.OWNER)
            return made

        tried, left = await ended(), await ended()
        assert await here.publish(tried) is Verdict.UNKNOWN_STREAM
        newest = await ended()
        before = here.database.uses
        assert {await here.publish(over) for over in (tried, newest)} == {Verdict.UNKNOWN_STREAM}
        assert here.database.uses == before
        assert await here.publish(left) is Verdict.UNKNOWN_STREAM
        assert here.database.uses == before + 1


async def test_it_remembers_with_which_key_a_connection_was_let_in(here: Process, user_id: UserId) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    other = stream(id=StreamId(LARGEST_ID), path=PathName(f"live/{LARGEST_ID}"))
    admitted = partial(here.running.admitted_version, made.id)
    assert await here.publish(made, 2, "refused") is Verdict.KEY_WRONG
    assert await here.publish(other, 1, "stranger") is Verdict.UNKNOWN_STREAM
    assert await here.publish(made, 1, "first") is Verdict.ALLOW
    rotated = await here.lifecycle.rotate(made.id)
    assert rotated is not None
    assert await here.publish(made, 1, "late") is Verdict.KEY_WRONG
    assert await here.publish(rotated, 2, "second") is Verdict.ALLOW
    ids = [SourceId(id_) for id_ in ("first", "second", "refused", "late", "stranger")]
    assert [admitted(id_) for id_ in ids] == [1, 2, None, None, None]
    for number in range(ADMITTED_MAX):
        await here.publish(rotated, 2, f"again {number}")
    assert [admitted(id_) for id_ in ids[:2]] == [None, None], "a bounded number is remembered"
    assert admitted(SourceId(f"again {ADMITTED_MAX - 1}")) == 2
    await here.lifecycle.end(made.id, EndReason.OWNER)
    assert admitted(SourceId(f"again {ADMITTED_MAX - 1}")) is None


async def test_it_reports_the_connections_whose_key_was_revoked(here: Process, user_id: UserId, dsn: str) -> None:
    """Once, and after the table refuses their key."""
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    revoked: list[tuple[StreamId, list[Admitted]]] = []
    here.running.on_revoke(lambda stream_id, connections: revoked.append((stream_id, list(connections))))
    await here.publish(made, 1, "a")
    await here.publish(made, 1, "b", protocol="webrtc")
    rotated = await here.lifecycle.rotate(made.id)
    assert rotated is not None
    first = [Admitted(SourceId("a"), "rtmp", 1), Admitted(SourceId("b"), "webrtc", 1)]
    assert revoked == [(made.id, first)]
    await here.publish(rotated, 2, "c")
    await here.lifecycle.go_live(user_id, StreamOptions(title="renamed"))
    assert len(revoked) == 1
    await here.lifecycle.end(made.id, EndReason.OWNER)
    await here.lifecycle.end(made.id, EndReason.OWNER)
    assert revoked[1:] == [(made.id, [*first, Admitted(SourceId("c"), "rtmp", 2)])]
    assert await here.publish(rotated, 2, "d") is Verdict.UNKNOWN_STREAM


@pytest.mark.parametrize("deny", ["rotate", "end"])
async def test_it_reports_them_when_another_process_revokes_while_nothing_is_received(
    here: Process, user_id: UserId, dsn: str, deny: str
) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    await here.publish(made, 1, "a")
    revoked: list[SourceId] = []
    here.running.on_revoke(lambda _, connections: revoked.extend(one.id for one in connections))
    async with process(dsn) as other:
        await (other.lifecycle.rotate(made.id) if deny == "rotate" else other.lifecycle.end(made.id, EndReason.OWNER))
    assert revoked == []
    await here.running.load()
    assert revoked == ["a"]
    await here.running.load()
    assert revoked == ["a"]


def strange(path: str, key: str | None, action: Action = Action.PUBLISH) -> AccessRequest:
    return AccessRequest(action, PathName(path), () if key is None else (key,))


FIRST_KEY = KEYS.issue(StreamId(7), 1, SALT)


@pytest.mark.parametrize(
    "request_",
    [
        strange("live/7", FIRST_KEY, Action.READ),
        strange("live/7", None),
        strange("live/7", ""),
        strange("live/7", "a" * 52),
        strange("live/7", KEYS.issue(StreamId(8), 1, SALT)),
        strange("live/7", KEYS.issue(StreamId(7), 2, SALT)),  # rotated streams are let in when they are loaded
        strange("live/8", FIRST_KEY),
        strange("live/07", FIRST_KEY),
        strange("live/7/", FIRST_KEY),
        strange("live/7\n", FIRST_KEY),
        strange("live/٧", FIRST_KEY),
        strange("xlive/7", FIRST_KEY),
        strange("live//7", FIRST_KEY),
        strange("LIVE/7", FIRST_KEY),
        strange("elsewhere/7", FIRST_KEY),
        strange(f"live/7/{FIRST_KEY}", FIRST_KEY),
        strange("elsewhere/7", FIRST_KEY, Action.READ),
        strange("", FIRST_KEY),
        strange("live/0", KEYS.issue(StreamId(0), 1, SALT)),
        strange(f"live/{LARGEST_ID + 1}", KEYS.issue(StreamId(LARGEST_ID + 1), 1, SALT)),
        strange("live/" + "9" * 5000, FIRST_KEY),
    ],
)
async def test_strangers_cause_no_question(here: Process, request_: AccessRequest) -> None:
    before = here.database.uses
    assert await here.running.decide(request_) is Verdict.UNKNOWN_STREAM
    assert here.database.uses == before


async def test_a_key_of_an_earlier_row_with_the_same_id_opens_nothing(here: Process, dsn: str, user_id: UserId) -> None:
    """A restored backup gives ids out again, under the same secrets."""
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    earlier = dataclasses.replace(made, key_salt=b"salt 7")
    assert await here.publish(earlier) is Verdict.KEY_WRONG
    async with process(dsn) as deaf:
        assert await deaf.publish(earlier) is Verdict.KEY_WRONG, "nor where the stream has to be looked up first"
        assert await deaf.publish(made) is Verdict.ALLOW


async def test_a_thousand_unknown_publishers_cause_no_query_and_do_not_delay_a_known_one(
    here: Process, user_id: UserId
) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    before = here.database.uses
    requests = [strange(f"live/{made.id + number}", f"a{number:051}") for number in range(1, 1001)]
    async with asyncio.timeout(10):
        verdicts = await asyncio.gather(*(here.running.decide(request) for request in requests), here.publish(made))
    assert verdicts == [Verdict.UNKNOWN_STREAM] * 1000 + [Verdict.ALLOW]
    assert here.database.uses == before


async def test_a_database_that_hangs_holds_an_unknown_publisher_up_for_a_moment_only(
    here: Process, user_id: UserId, dsn: str, outsider: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with process(dsn, miss_s=MISS_DEADLINE_S) as deaf:
        made = await here.lifecycle.go_live(user_id, OPTIONS)
        async with outsider.transaction():
            await outsider.execute("lock table stream in access exclusive mode")
            async with asyncio.timeout(MISS_DEADLINE_S + 5):  # one deadline for all of them
                verdicts = await asyncio.gather(*(deaf.publish(made) for _ in range(10)))
            assert verdicts == [Verdict.UNKNOWN_STREAM] * 10
        await until_allowed(deaf, made)


async def until_allowed(process: Process, made: Stream) -> None:
    async with asyncio.timeout(20):
        while await process.publish(made) is not Verdict.ALLOW:
            pass


# ── the database is away ──


async def test_a_process_that_has_just_loaded_lets_publishers_in_before_it_listens(
    here: Process, user_id: UserId
) -> None:
    assert not here.bus.connected.is_set()
    assert await here.publish(await here.lifecycle.go_live(user_id, OPTIONS)) is Verdict.ALLOW


async def test_without_a_database_publishers_are_let_in_for_a_while_and_readers_for_ever(dsn: str) -> None:
    async with wire(dsn) as line, process(line.dsn, follows=True, away_s=1) as cut_off:
        made = await cut_off.lifecycle.go_live(await new_user(cut_off.database), OPTIONS)
        await until(lambda: cut_off.running.current)
        await line.pull_out()
        await until(lambda: not cut_off.bus.connected.is_set())
        assert await cut_off.publish(made) is Verdict.ALLOW
        assert await cut_off.publish(made, version=2) is Verdict.KEY_WRONG
        assert await cut_off.read(made.path) is Verdict.ALLOW
        await until(lambda: not cut_off.running.current)
        assert await cut_off.publish(made) is Verdict.DATABASE_AWAY
        assert await cut_off.publish(made, version=2) is Verdict.KEY_WRONG
        assert await cut_off.read(made.path) is Verdict.ALLOW
        await line.plug_in()
        await until(lambda: cut_off.running.current)
        assert await cut_off.publish(made) is Verdict.ALLOW


async def test_what_changed_while_the_database_was_away_is_known_afterwards(
    here: Process, user_id: UserId, dsn: str
) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    async with wire(dsn) as line, process(line.dsn, follows=True) as cut_off:
        await line.pull_out()
        await until(lambda: not cut_off.bus.connected.is_set())
        await here.lifecycle.end(made.id, EndReason.OPERATOR)
        assert await cut_off.publish(made) is Verdict.ALLOW, "it cannot know"
        await line.plug_in()
        await until(lambda: not known(cut_off))
        assert await cut_off.publish(made) is Verdict.UNKNOWN_STREAM


async def test_a_reload_that_fails_leaves_the_table_as_it_was(user_id: UserId, dsn: str) -> None:
    async with wire(dsn) as line, process(line.dsn) as cut_off:
        made = await cut_off.lifecycle.go_live(user_id, OPTIONS)
        await line.pull_out()
        with pytest.raises(DatabaseUnavailable):
            await cut_off.running.load()
        assert known(cut_off) == {made.id: made}


# ── reads that are overtaken ──


async def test_a_change_of_ours_is_not_undone_by_a_reload_that_began_before_it(here: Process, user_id: UserId) -> None:
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    over = await here.lifecycle.go_live(await new_user(here.database), OPTIONS)
    here.database.passing.clear()
    loading = asyncio.create_task(here.running.load())
    await until(lambda: here.database.kept_back)
    rotated = await here.lifecycle.rotate(made.id)
    await here.lifecycle.end(over.id, EndReason.OWNER)
    here.database.passing.set()
    await loading
    assert known(here) == {made.id: rotated}


async def test_a_stream_that_was_made_during_a_reload_is_not_forgotten(
    here: Process, user_id: UserId, dsn: str
) -> None:
    here.database.passing.clear()
    loading = asyncio.create_task(here.running.load())
    await until(lambda: here.database.kept_back)
    async with process(dsn) as third:
        made = await third.lifecycle.go_live(user_id, OPTIONS)
    here.running.put(made)
    here.database.passing.set()
    await loading
    assert known(here) == {made.id: made}


async def test_a_change_is_not_undone_by_a_look_up_that_began_before_it(
    here: Process, user_id: UserId, dsn: str
) -> None:
    async with process(dsn) as deaf:
        made = await here.lifecycle.go_live(user_id, OPTIONS)
        deaf.database.passing.clear()
        publishing = asyncio.create_task(deaf.publish(made))
        await until(lambda: deaf.database.kept_back)
        rotated = dataclasses.replace(made, key_version=2)
        deaf.running.put(rotated)
        deaf.database.passing.set()
        assert await publishing is Verdict.KEY_WRONG
        assert known(deaf) == {made.id: rotated}


async def test_of_two_changes_at_once_the_later_one_stays(here: Process, there: Process, user_id: UserId) -> None:
    """Another process's change is read already when our own, committed before it, is put into the table."""
    made = await here.lifecycle.go_live(user_id, OPTIONS)
    ours = await here.lifecycle.rotate(made.id)
    assert ours is not None
    await until(lambda: known(there) == {made.id: ours})
    there.database.passing.clear()
    theirs = await here.lifecycle.rotate(made.id)
    await until(lambda: there.database.kept_back)
    there.running.put(ours)
    there.database.passing.set()
    await until(lambda: known(there) == {made.id: theirs})
