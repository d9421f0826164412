"""From committed events to sockets: in order, exactly once, with any loss of offers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import pytest

from control_plane.base.ids import Seq, StreamId
from control_plane.bus.model import Message, Topic
from control_plane.bus.notify import CHANNEL
from control_plane.bus.postgres import PostgresBus
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog, Offers, StreamUnknown
from control_plane.gifts.events import Person
from control_plane.live import store
from control_plane.live.fanout import Fanout
from control_plane.live.hub import Hub
from control_plane.live.rounds import SLICE_WEIGHT, TURNS_OF_OTHERS
from control_plane.live.snapshot import Resume, Snapshot
from control_plane.live.subscriber import QUEUE_LIMIT_BYTES, STATE_LIMIT_BYTES, DisconnectReason
from tests.control_plane.live.readers import PERIOD_S, Reader, Unheard, end, give, line, new_stream, say
from tests.control_plane.people import new_user
from tests.postgres import disconnect_everyone
from tests.waiting import in_background, until


async def test_every_socket_gets_every_event_in_order(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    readers = [await Reader().join(hub, stream_id) for _ in range(3)]
    for number in range(20):
        await say(log, stream_id, str(number))
    await until(lambda: all(len(reader.seqs) == 20 for reader in readers))
    assert [reader.seqs for reader in readers] == [list(range(1, 21))] * 3
    assert readers[0].events == readers[1].events == readers[2].events


async def test_an_event_is_the_same_object_on_every_socket(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    readers = [await Reader().join(hub, stream_id) for _ in range(50)]
    await say(log, stream_id)
    await until(lambda: all(reader.seqs for reader in readers))
    # The figures may be told before it, to those who had joined by then.
    assert len({id(write) for reader in readers for write in reader.writes if b'"seq":1,' in write}) == 1


async def test_events_that_come_together_leave_in_one_write(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    reader = await Reader().join(hub, stream_id)
    await asyncio.gather(*(say(log, stream_id) for _ in range(30)))
    await until(lambda: len(reader.seqs) == 30)
    assert len(reader.writes) < 6


async def test_a_stream_that_does_not_exist_cannot_be_joined(hub: Hub) -> None:
    reader = Reader()
    with pytest.raises(StreamUnknown):
        await reader.join(hub, StreamId(404))
    assert reader.writes == []
    assert hub.sockets() == 0


async def test_a_greeting_that_fails_leaves_no_socket_behind(hub: Hub, stream_id: StreamId) -> None:
    with pytest.raises(ZeroDivisionError):
        await hub.join(stream_id, Reader(), None, None, lambda snapshot, viewers: bytes(1 // 0))
    assert (hub.sockets(), hub.viewers(stream_id)) == (0, 0)


async def test_a_subscriber_that_left_gets_no_more_frames(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    stays, leaves = await Reader().join(hub, stream_id), await Reader().join(hub, stream_id)
    leaves.leave_hub(hub)
    leaves.leave_hub(hub)
    await say(log, stream_id)
    await until(lambda: stays.seqs)
    assert leaves.seqs == []


def has_seen(reader: Reader, count: int) -> bool:
    return len(reader.seqs) >= count


class Lossy:
    """Offers of which some are lost and some are late."""

    def __init__(self, to: Offers, chance: float, seed: int) -> None:
        self._to = to
        self._chance = chance
        self._random = random.Random(seed)

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        fate = self._random.random()
        if fate > self._chance:
            self._to.offer(stream_id, first_seq, frames)
        elif fate > self._chance / 2:
            asyncio.get_running_loop().call_later(0.01, self._to.offer, stream_id, first_seq, frames)


async def test_events_whose_offers_are_all_lost_are_found_in_the_log(
    database: Database, hub: Hub, stream_id: StreamId
) -> None:
    reader = await Reader().join(hub, stream_id)
    log = EventLog(database, Unheard())
    await asyncio.gather(*(say(log, stream_id) for _ in range(1200)))  # more than is read at once
    await until(lambda: len(reader.seqs) == 1200)
    assert reader.seqs == list(range(1, 1201))
    assert hub.counts.found == 1200


async def test_a_later_offer_brings_the_lost_one_before_it(database: Database, stream_id: StreamId) -> None:
    hub = Hub(database, line, period_s=60)
    async with in_background(hub.run()):
        reader = await Reader().join(hub, stream_id)
        await say(EventLog(database, Unheard()), stream_id, "lost")
        await say(EventLog(database, hub), stream_id, "heard")
        await until(lambda: len(reader.seqs) == 2)
        assert reader.seqs == [1, 2]


async def test_an_offer_without_frames_has_the_log_read(database: Database, stream_id: StreamId) -> None:
    hub = Hub(database, line, period_s=60)
    async with in_background(hub.run()):
        reader = await Reader().join(hub, stream_id)
        await say(EventLog(database, Unheard()), stream_id)
        hub.offer(stream_id, Seq(1), [])
        await until(lambda: reader.seqs)
        assert reader.seqs == [1]


@pytest.mark.parametrize("seed", range(5))
async def test_no_gap_and_no_repeat_over_random_disconnects_and_losses(
    database: Database, hub: Hub, stream_id: StreamId, seed: int
) -> None:
    """Readers come, go and come back at random moments while events are appended and half of the offers are lost or late."""
    events = 150
    chances = random.Random(seed)
    log = EventLog(database, Lossy(hub, 0.5, seed))

    async def write() -> None:
        for _ in range(events // 3):
            await asyncio.gather(*(say(log, stream_id) for _ in range(3)))

    async def watch(chances: random.Random) -> list[int]:
        seqs: list[int] = []
        epoch = None
        while not seqs or seqs[-1] < events:
            reader = await Reader().join(hub, stream_id, None, Resume(seqs[-1] if seqs else 0, epoch))
            epoch = reader.hello["epoch"]
            assert reader.hello["recovered"]
            enough = len(seqs) + chances.randrange(40)
            await until(partial(has_seen, reader, min(enough, events) - len(seqs)))
            reader.leave_hub(hub)
            seqs += reader.seqs
        return seqs

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        watchers = [group.create_task(watch(random.Random(chances.random()))) for _ in range(8)]
    assert [watcher.result() for watcher in watchers] == [list(range(1, events + 1))] * 8
    assert hub.sockets() == 0


async def test_two_processes_deliver_each_others_events(database: Database, dsn: str, stream_id: StreamId) -> None:
    async with AsyncExitStack() as stack:
        hubs, logs = [], []
        for seed in range(2):
            hub, bus = Hub(database, line, period_s=0.2), PostgresBus(dsn)
            fanout = Fanout(hub, bus)
            fanout.follow()
            await stack.enter_async_context(in_background(hub.run()))
            await stack.enter_async_context(in_background(bus.run()))
            await bus.connected.wait()
            hubs.append(hub)
            logs.append(EventLog(database, Lossy(fanout, 0.2, seed)))
        readers = [await Reader().join(hub, stream_id) for hub in hubs * 2]
        for number in range(40):
            await asyncio.gather(*(say(log, stream_id) for log in logs))
            if number == 20:
                await disconnect_everyone(dsn)  # the listeners too
        await until(lambda: all(len(reader.seqs) == 80 for reader in readers))
        assert [reader.seqs for reader in readers] == [list(range(1, 81))] * 4


@pytest.mark.parametrize("first_seq", [0, 1, 2, 3, 1000, 2**63 - 1])
async def test_events_that_are_not_in_the_log_are_not_believed(
    database: Database, dsn: str, stream_id: StreamId, first_seq: int
) -> None:
    """Every client of the database may notify."""
    forged = f"stranger {Topic.EVENTS} [[{stream_id},{first_seq}]]"
    async with AsyncExitStack() as stack:
        hub, bus = Hub(database, line, period_s=60), PostgresBus(dsn)
        log = EventLog(database, Fanout(hub, bus))
        await stack.enter_async_context(in_background(hub.run()))
        await stack.enter_async_context(in_background(bus.run()))
        await bus.connected.wait()
        heard: list[Message] = []
        bus.subscribe(Topic.EVENTS, heard.append)
        reader = await Reader().join(hub, stream_id)
        await say(log, stream_id, "genuine")
        async with database.connection() as connection:
            await connection.execute("select pg_notify($1, $2)", CHANNEL, forged)
        await until(lambda: heard)
        await say(log, stream_id, "genuine")
        await until(lambda: len(reader.seqs) == 2)
        assert [event["data"] for event in reader.events] == [{"status": "live", "reason": "genuine"}] * 2
        assert (reader.seqs, reader.left) == ([1, 2], None)


async def test_the_bus_is_faster_than_the_check_of_the_log(database: Database, dsn: str, stream_id: StreamId) -> None:
    async with AsyncExitStack() as stack:
        hubs = [Hub(database, line, period_s=60) for _ in range(2)]
        buses = [PostgresBus(dsn) for _ in hubs]
        here, there = [Fanout(hub, bus) for hub, bus in zip(hubs, buses, strict=True)]
        there.follow()
        for hub, bus in zip(hubs, buses, strict=True):
            await stack.enter_async_context(in_background(hub.run()))
            await stack.enter_async_context(in_background(bus.run()))
            await bus.connected.wait()
        reader = await Reader().join(hubs[1], stream_id)
        log = EventLog(database, here)
        await say(log, stream_id, "small")
        await until(lambda: len(reader.seqs) == 1)
        await say(log, stream_id, "larger than a notification" * 500)
        await until(lambda: len(reader.seqs) == 2)
        assert reader.seqs == [1, 2]


async def test_a_database_that_is_away_only_delays(hub: Hub, log: EventLog, dsn: str, stream_id: StreamId) -> None:
    reader = await Reader().join(hub, stream_id)
    for _ in range(5):
        await disconnect_everyone(dsn)
        await say(log, stream_id)
    await until(lambda: len(reader.seqs) == 5)


async def test_the_end_is_the_last_that_is_heard(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    readers = [await Reader().join(hub, stream_id) for _ in range(3)]
    await say(log, stream_id)
    await end(log, stream_id)
    await until(lambda: all(reader.left for reader in readers))
    for reader in readers:
        assert reader.left is DisconnectReason.ENDED
        assert [event["data"]["status"] for event in reader.events] == ["live", "ended"]
    assert hub.sockets() == 0


async def test_an_ended_stream_is_told_and_left_at_once(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    await say(log, stream_id)
    await end(log, stream_id)
    reader = await Reader().join(hub, stream_id, None, Resume(0))
    assert (reader.seqs, reader.left, hub.viewers(stream_id)) == ([1, 2], DisconnectReason.ENDED, 0)
    reader.leave_hub(hub)


async def test_a_lost_event_log_sends_every_socket_to_the_new_one(
    database: Database, hub: Hub, log: EventLog, stream_id: StreamId
) -> None:
    reader = await Reader().join(hub, stream_id)
    await say(log, stream_id)
    await until(lambda: reader.seqs)
    await database.execute("delete from stream_event")
    await database.execute("update stream_log set last_seq = 0, epoch = 'another'")
    await until(lambda: reader.left)
    assert reader.left is DisconnectReason.RESET
    back = await Reader().join(hub, stream_id, None, Resume(1, reader.hello["epoch"]))
    assert (back.hello["recovered"], back.hello["epoch"]) == (False, "another")
    await say(log, stream_id)
    await until(lambda: back.seqs)
    assert back.seqs == [1]


# ── slow sockets ──


async def test_a_socket_that_is_too_slow_is_disconnected_and_delays_no_other(
    hub: Hub, log: EventLog, stream_id: StreamId
) -> None:
    slow, quick = await Reader().join(hub, stream_id), await Reader().join(hub, stream_id)
    slow.stuck_bytes = QUEUE_LIMIT_BYTES
    await say(log, stream_id)
    await until(lambda: quick.seqs == [1])
    assert slow.left is None
    slow.stuck_bytes = QUEUE_LIMIT_BYTES + 1
    await say(log, stream_id)
    await until(lambda: quick.seqs == [1, 2])
    assert slow.seqs == [1]
    assert [slow.left, quick.left] == [DisconnectReason.TOO_SLOW, None]
    assert (hub.sockets(), hub.counts.cut) == (1, 1)


async def test_what_happens_while_a_snapshot_is_read_is_not_held_without_end(
    hub: Hub, log: EventLog, stream_id: StreamId, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await Reader().join(hub, stream_id)
    read, snapshot = asyncio.Event(), store.snapshot

    async def slow(connection: Connection, of: StreamId, resume: Resume | None) -> Snapshot | None:
        found = await snapshot(connection, of, resume)
        await read.wait()
        return found

    monkeypatch.setattr(store, "snapshot", slow)
    async with asyncio.TaskGroup() as group:
        joining = group.create_task(Reader().join(hub, stream_id))
        await until(lambda: hub._channels[stream_id].joining)
        for _ in range(5):
            await say(log, stream_id, "x" * (64 << 10))
        await until(lambda: len(other.seqs) == 5)
        read.set()
    late = joining.result()
    assert (late.writes, late.left) == ([], DisconnectReason.RESET)
    assert hub.sockets() == 1


async def test_a_long_replay_is_not_taken_for_slowness(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    await asyncio.gather(*(say(log, stream_id, "x" * 4000) for _ in range(100)))
    reader = await Reader().join(hub, stream_id, None, Resume(0))
    reader.stuck_bytes = len(reader.writes[0])
    assert reader.stuck_bytes > QUEUE_LIMIT_BYTES
    await say(log, stream_id)
    await until(lambda: len(reader.seqs) == 101)
    reader.stuck_bytes = 0
    await say(log, stream_id)
    await until(lambda: len(reader.seqs) == 102)
    reader.stuck_bytes = len(reader.writes[0])  # by now it is its own fault
    await say(log, stream_id)
    await until(lambda: reader.left)
    assert reader.left is DisconnectReason.TOO_SLOW


async def test_a_long_round_lets_other_tasks_run_in_between(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    readers = [await Reader().join(hub, stream_id) for _ in range(120)]
    await say(log, stream_id)
    turns = 0
    while not readers[-1].seqs:
        turns += 1
        await asyncio.sleep(0)
    assert turns >= len(readers) // SLICE_WEIGHT * TURNS_OF_OTHERS


# ── who is there ──


async def test_viewers_are_people_and_the_host_is_none(database: Database, hub: Hub) -> None:
    host, fan = await new_user(database), await new_user(database)
    stream_id = await new_stream(database, host)
    assert hub.viewers(stream_id) == 0
    readers = [await Reader().join(hub, stream_id, user_id) for user_id in (host, fan, fan, None, None)]
    assert (hub.viewers(stream_id), hub.sockets(stream_id)) == (3, 5)
    assert [reader.hello["viewers"] for reader in readers] == [0, 1, 1, 2, 3]

    guest = readers[3].subscriber
    assert guest is not None
    hub.identify(guest, fan)
    assert hub.viewers(stream_id) == 2
    for reader in readers[1:]:
        reader.leave_hub(hub)
    assert (hub.viewers(stream_id), hub.peak(stream_id)) == (0, 3)


async def test_the_peak_outlives_the_sockets_until_the_stream_ends(
    database: Database, hub: Hub, log: EventLog, stream_id: StreamId
) -> None:
    for count in (2, 1):
        readers = [await Reader().join(hub, stream_id) for _ in range(count)]
        for reader in readers:
            reader.leave_hub(hub)
    assert hub.peak(stream_id) == 2
    await peak_is_stored(database, stream_id, 2)
    assert hub.peak(stream_id) == 0, "all of it is stored"
    await Reader().join(hub, stream_id)
    await end(log, stream_id)
    assert await stored_peak(database, stream_id) == 2


async def test_the_peak_is_stored_while_the_sockets_are_there(
    database: Database, hub: Hub, stream_id: StreamId
) -> None:
    """A command in another process that ends the stream knows no sockets, and tells of the peak."""
    for count in (1, 2, 3):
        await Reader().join(hub, stream_id)
        await peak_is_stored(database, stream_id, count)


async def test_a_stream_whose_row_is_held_has_its_peak_stored_later_and_holds_up_no_other(
    database: Database, hub: Hub, stream_id: StreamId
) -> None:
    other = await new_stream(database)
    async with database.transaction() as connection:
        await connection.execute("select from stream where id = $1 for update", stream_id)
        for joined in (stream_id, other):
            reader = await Reader().join(hub, joined)
            reader.leave_hub(hub)
        await peak_is_stored(database, other, 1)
        assert (hub.peak(stream_id), hub.peak(other)) == (1, 0)
    await peak_is_stored(database, stream_id, 1)
    await until(lambda: hub.peak(stream_id) == 0)


async def test_a_stream_that_another_process_ends_leaves_nothing_behind(
    database: Database, hub: Hub, stream_id: StreamId
) -> None:
    elsewhere = EventLog(database, Unheard())
    reader = await Reader().join(hub, stream_id)
    reader.leave_hub(hub)
    await end(elsewhere, stream_id)
    await until(lambda: hub.peak(stream_id) == 0)
    assert hub._peaks == {}
    assert await stored_peak(database, stream_id) == 1
    await elsewhere.close()


async def stored_peak(database: Database, stream_id: StreamId) -> int:
    peak: int = await database.fetchval("select peak_viewers from stream where id = $1", stream_id)
    return peak


async def peak_is_stored(database: Database, stream_id: StreamId, peak: int) -> None:
    async def is_stored() -> bool:
        return await stored_peak(database, stream_id) == peak

    await until(is_stored)


async def test_stats_fold_what_happened(database: Database, hub: Hub, log: EventLog) -> None:
    host = await new_user(database)
    stream_id = await new_stream(database, host)
    fans = [await new_user(database, "fan") for _ in range(3)]
    names = {row["id"]: row["username"] for row in await database.fetch("select id, username from app_user")}
    started_at = asyncio.get_running_loop().time()
    watching = await Reader().join(hub, stream_id, host)
    for fan in fans:
        await Reader().join(hub, stream_id, fan)
        await give(log, stream_id, Person(fan, names[fan], ""), 10 + fan, host)
    total = sum(10 + fan for fan in fans)
    await until(lambda: watching.stats and watching.stats[-1]["coins"] == total)
    took_s = asyncio.get_running_loop().time() - started_at
    assert len(watching.stats) <= 2 + took_s / PERIOD_S
    assert {person["user_id"] for told in watching.stats for person in told["joined"]} == set(fans)
    assert watching.stats[-1] | {"joined": []} == {
        "type": "stats",
        "viewers": 3,
        "likes": 0,
        "coins": total,
        "top_gifters": [{"user_id": fan, "username": names[fan], "coins": 10 + fan} for fan in reversed(fans)],
        "joined": [],
    }


async def test_state_that_has_not_changed_is_not_told_again(hub: Hub, log: EventLog, stream_id: StreamId) -> None:
    reader = await Reader().join(hub, stream_id)
    await until(lambda: reader.stats)
    for count in range(1, 4):
        await say(log, stream_id)
        await until(partial(has_seen, reader, count))
    assert len(reader.stats) == 1


async def test_a_socket_that_is_behind_gets_only_the_newest_state(hub: Hub, stream_id: StreamId) -> None:
    reader = await Reader().join(hub, stream_id)
    await until(lambda: reader.stats)
    reader.stuck_bytes = STATE_LIMIT_BYTES + 1
    told = len(reader.stats)
    for number in range(2, 4):
        other = await Reader().join(hub, stream_id)
        await until(lambda: other.stats and other.stats[-1]["viewers"] == number)  # noqa: B023
    assert len(reader.stats) == told
    reader.stuck_bytes = 0
    await until(lambda: len(reader.stats) > told)
    assert [stats["viewers"] for stats in reader.stats] == [1, 3]
