"""The reconciler: our streams follow the media server's state, with any hooks and any failures."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from control_plane.base.clock import utc_now
from control_plane.base.ids import StreamId
from control_plane.streams.access import Verdict
from control_plane.streams.media import reconciler as module
from control_plane.streams.media.model import (
    MediaPath,
    MediaServerInfo,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    SourceId,
)
from control_plane.streams.media.reconciler import ABREAST, AWAY_S, HINT_LOOKS, SLICE, Hint, Reconciler
from control_plane.streams.model import EndReason, Status, Stream, StreamOptions
from mediamtx.node.client import MediaMTXClient
from tests.control_plane.bus.proxy import wire
from tests.control_plane.people import new_user
from tests.control_plane.streams.fake_media import FakeMedia
from tests.control_plane.streams.process import Process, process
from tests.waiting import in_background, until

NEVER_PUBLISHED_S = 600
GRACE_S = 60
LATER = dt.timedelta(seconds=1)


class Theatre:
    """One process, its media server, and a clock that only the test moves."""

    def __init__(self, process: Process, media: FakeMedia | None = None, *, pass_s: float = 3600) -> None:
        self.process = process
        self.media = media or FakeMedia()
        self.now = 1000.0
        self.viewers: dict[StreamId, int] = {}
        self.reconciler = Reconciler(
            self.media,
            process.running,
            process.lifecycle,
            process.database,
            never_published_s=NEVER_PUBLISHED_S,
            sockets=lambda stream_id: self.viewers.get(stream_id, 0),
            monotonic=lambda: self.now,
            pass_s=pass_s,
        )

    async def stream(self) -> Stream:
        user_id = await new_user(self.process.database)
        return await self.process.lifecycle.go_live(user_id, StreamOptions(grace_s=GRACE_S))

    async def live_stream(self, source_id: str = "a") -> Stream:
        made = await self.stream()
        self.media.publish(made.path, source_id)
        await self.passes()
        assert self.state(made) == (Status.LIVE, source_id)
        return made

    async def comes_in(
        self, stream: Stream, source_id: str, version: int = 1, created_at: dt.datetime | None = None
    ) -> None:
        """A publisher is admitted with the key of this version, and is online."""
        now = self.process.running.get(stream.id)  # a new version has a salt of its own
        row = now if now is not None and now.key_version == version else stream
        assert await self.process.publish(row, version, source_id) is Verdict.ALLOW
        self.media.publish(stream.path, source_id, created_at=created_at)

    async def passes(self, after_s: float = 0) -> None:
        self.now += after_s
        await self.reconciler.reconcile()

    async def fails(self, after_s: float = 0) -> None:
        """A pass whose listing fails."""
        self.now += after_s
        self.media.away = True
        with pytest.raises(MediaServerUnavailable):
            await self.reconciler.reconcile()
        self.media.away = False

    def state(self, stream: Stream) -> tuple[Status, SourceId | None] | None:
        """The stream's status and source; None if it has ended."""
        known = self.process.running.get(stream.id)
        return None if known is None else (known.status, known.source_id)

    def hint(self, path: PathName, online: bool, source_id: str) -> None:
        self.reconciler.hint(Hint(path, online, SourceId(source_id)))

    async def reason(self, stream: Stream) -> str | None:
        reason: str | None = await self.process.database.fetchval(
            "select end_reason from stream where id = $1", stream.id
        )
        return reason


@pytest.fixture
def theatre(here: Process) -> Theatre:
    return Theatre(here)


# ── without any hook ──


async def test_a_publisher_is_found_without_a_hook(theatre: Theatre) -> None:
    made = await theatre.stream()
    await theatre.passes()
    assert theatre.state(made) == (Status.CREATED, None)
    theatre.media.publish(made.path, "a", sent=10)
    await theatre.passes()
    assert theatre.state(made) == (Status.LIVE, "a")
    (session,) = await theatre.process.sessions(made.id)
    assert (session["source_id"], session["protocol"], session["address"], session["over"]) == (
        "a",
        "rtmp",
        "10.0.0.1:5000",
        False,
    )


async def test_passes_over_what_is_as_it_was_change_nothing(theatre: Theatre) -> None:
    """And cost no query, no request but the listing, and no task."""
    made, _waiting = await theatre.live_stream(), await theatre.stream()
    await theatre.passes()
    before, looked_up = theatre.process.database.uses, list(theatre.media.asked_for_connections)
    loop, tasks = asyncio.get_running_loop(), []

    def recording(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        tasks.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(recording)
    for _ in range(5):
        await theatre.passes(1)
    loop.set_task_factory(None)
    assert theatre.process.database.uses == before
    assert (theatre.media.asked_for, theatre.media.asked_for_connections) == ([], looked_up)
    assert tasks == []
    assert await theatre.process.statuses(made.id) == [("live", None)]


async def test_a_lost_publisher_is_missed_without_a_hook(theatre: Theatre) -> None:
    made = await theatre.live_stream()
    theatre.media.send(made.path, 4321)
    await theatre.passes()
    theatre.media.leave(made.path)
    await theatre.passes()
    assert theatre.state(made) == (Status.INTERRUPTED, None)
    assert await theatre.process.statuses(made.id) == [("live", None), ("interrupted", "publisher_lost")]
    (session,) = await theatre.process.sessions(made.id)
    assert (session["over"], session["end_reason"], session["inbound_bytes"]) == (True, "publisher_lost", 4321)


async def test_a_take_over_is_found_without_a_hook(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    theatre.media.send(made.path, 4321)
    await theatre.passes()
    theatre.media.publish(made.path, "b")
    await theatre.passes()
    assert theatre.state(made) == (Status.LIVE, "b")
    old, new = await theatre.process.sessions(made.id)
    assert (old["over"], old["end_reason"], old["inbound_bytes"]) == (True, "taken_over", 4321)
    assert (new["source_id"], new["over"]) == ("b", False)


async def test_a_path_that_is_readable_but_not_online_has_no_publisher(theatre: Theatre) -> None:
    made = await theatre.stream()
    theatre.media.paths[made.path] = MediaPath(made.path, False, None, 0)
    await theatre.passes()
    assert theatre.state(made) == (Status.CREATED, None)


async def test_a_publisher_that_is_gone_before_it_was_looked_at_was_not_there(theatre: Theatre) -> None:
    made = await theatre.stream()
    theatre.media.publish(made.path, "a")
    theatre.media.connections.clear()
    await theatre.passes()
    assert theatre.state(made) == (Status.CREATED, None)


async def test_a_new_process_takes_over_what_it_finds(theatre: Theatre, dsn: str) -> None:
    """Killed in the middle, and started again: two publishers went on, one is gone, one came."""
    onward, gone = await theatre.live_stream("a"), await theatre.live_stream("b")
    came = await theatre.stream()
    theatre.media.leave(gone.path)
    theatre.media.publish(came.path, "c")
    async with process(dsn) as second:
        restarted = Theatre(second, theatre.media)
        await restarted.passes()
        states = [restarted.state(stream) for stream in (onward, gone, came)]
    assert states == [(Status.LIVE, "a"), (Status.INTERRUPTED, None), (Status.LIVE, "c")]
    assert await theatre.process.statuses(onward.id) == [("live", None)]


# ── absence is believed only after asking ──


async def test_a_path_that_is_missing_in_the_listing_only_is_not_lost(theatre: Theatre) -> None:
    made = await theatre.live_stream()
    theatre.media.hidden.add(made.path)
    await theatre.passes()
    assert theatre.media.asked_for == [made.path]
    assert theatre.state(made) == (Status.LIVE, "a")


async def test_a_listing_that_fails_changes_nothing(theatre: Theatre) -> None:
    made, waiting = await theatre.live_stream(), await theatre.stream()
    theatre.media.leave(made.path)
    theatre.media.publish(waiting.path, "b")
    await theatre.fails()
    assert (theatre.state(made), theatre.state(waiting)) == ((Status.LIVE, "a"), (Status.CREATED, None))
    await theatre.passes()
    assert (theatre.state(made), theatre.state(waiting)) == ((Status.INTERRUPTED, None), (Status.LIVE, "b"))


async def test_it_says_whether_the_last_listing_was_answered(theatre: Theatre) -> None:
    told = [theatre.reconciler.media_reachable]
    for passing in (theatre.passes, theatre.fails, theatre.passes):
        await passing()
        told.append(theatre.reconciler.media_reachable)
    assert told == [False, True, False, True]


async def test_a_failed_query_changes_nothing_and_delays_no_other_stream(theatre: Theatre) -> None:
    made, waiting = await theatre.live_stream(), await theatre.stream()
    theatre.media.leave(made.path)
    theatre.media.publish(waiting.path, "b")
    get_path = theatre.media.get_path

    async def no_answer(name: PathName) -> MediaPath | None:
        raise MediaServerUnavailable("No answer.")

    theatre.media.get_path = no_answer  # type: ignore[method-assign]
    await theatre.passes()
    assert (theatre.state(made), theatre.state(waiting)) == ((Status.LIVE, "a"), (Status.LIVE, "b"))
    theatre.media.get_path = get_path  # type: ignore[method-assign]
    await theatre.passes()
    assert theatre.state(made) == (Status.INTERRUPTED, None)


async def test_an_error_at_one_stream_delays_no_other_stream(
    theatre: Theatre, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a text that no database takes, which the media server's client would have mended."""
    broken, whole = await theatre.stream(), await theatre.stream()
    theatre.media.publish(broken.path, "a")
    theatre.media.publish(whole.path, "b")
    said = theatre.media.connections[SourceId("a")]
    theatre.media.connections[SourceId("a")] = dataclasses.replace(said, user_agent="La\0f")
    await theatre.passes()
    assert (theatre.state(broken), theatre.state(whole)) == ((Status.CREATED, None), (Status.LIVE, "b"))
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["reconciler_failed"]
    theatre.media.publish(broken.path, "c")
    await theatre.passes()
    assert theatre.state(broken) == (Status.LIVE, "c")


async def test_a_path_that_jumps_over_the_edge_between_two_pages_is_not_lost(theatre: Theatre) -> None:
    """The media server sorts by name and cuts each page from a fresh list: one that ends meanwhile moves all behind it one place ahead."""
    streams = [await theatre.live_stream(f"s{number}") for number in range(6)]
    names = sorted(stream.path for stream in streams)

    async def answer(request: BaseRequest) -> web.StreamResponse:
        if request.path == "/v3/paths/list":
            page, per_page = int(request.query["page"]), int(request.query["itemsPerPage"])
            left = names if page == 0 else names[1:]
            return web.json_response(
                {
                    "itemCount": len(left),
                    "pageCount": -(-len(left) // per_page),
                    "items": [item(name) for name in left[page * per_page : (page + 1) * per_page]],
                }
            )
        asked.append(name := request.path.removeprefix("/v3/paths/get/"))
        return web.json_response(item(name)) if name in names[1:] else web.Response(status=404)

    def item(name: str) -> dict[str, object]:
        source = theatre.media.paths[PathName(name)].source
        assert source is not None
        told = {"type": source.kind, "id": source.id}
        return {"name": name, "online": True, "source": told, "tracks2": [], "inboundBytes": 1}

    asked: list[str] = []
    async with server(answer) as url, MediaMTXClient(url, "password", items_per_page=3) as client:
        theatre.media.list_paths = client.list_paths  # type: ignore[method-assign]
        theatre.media.get_path = client.get_path  # type: ignore[method-assign]
        await theatre.passes()
        assert asked == [names[3]], "the fourth: neither the fourth of the first page nor the first of the second"
        assert {theatre.state(stream) for stream in streams} == {(Status.LIVE, f"s{n}") for n in range(6)}
        del names[0]
        await theatre.passes()
    assert [theatre.state(stream) for stream in streams].count((Status.INTERRUPTED, None)) == 1


@asynccontextmanager
async def server(answer: Callable[[BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """The URL of a control API that answers with `answer`."""
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_what_a_listing_misses_is_asked_for_a_few_at_a_time(theatre: Theatre) -> None:
    streams = [await theatre.live_stream(f"s{number}") for number in range(2 * ABREAST)]
    theatre.media.hidden = {stream.path for stream in streams}
    get_path, together, most = theatre.media.get_path, 0, 0

    async def watched(name: PathName) -> MediaPath | None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        together -= 1
        return await get_path(name)

    theatre.media.get_path = watched  # type: ignore[method-assign]
    await theatre.passes()
    assert most == ABREAST
    assert sorted(theatre.media.asked_for) == sorted(theatre.media.hidden)
    assert {status for status, _ in filter(None, map(theatre.state, streams))} == {Status.LIVE}


async def test_a_page_that_is_not_answered_interrupts_no_stream(theatre: Theatre) -> None:
    """The media server answers, though not all of it."""
    streams = [await theatre.live_stream(f"s{number}") for number in range(3)]
    theatre.media.per_page, theatre.media.pages_answered = 1, 1
    for _ in range(5):
        theatre.now += AWAY_S - 0.5
        with pytest.raises(MediaServerUnavailable):
            await theatre.reconciler.reconcile()
        assert not theatre.reconciler.media_reachable
    assert [theatre.state(stream) for stream in streams] == [(Status.LIVE, f"s{number}") for number in range(3)]
    theatre.media.pages_answered = None
    theatre.media.leave(streams[2].path)
    await theatre.passes()
    assert [theatre.state(stream) for stream in streams] == [
        (Status.LIVE, "s0"),
        (Status.LIVE, "s1"),
        (Status.INTERRUPTED, None),
    ]


async def test_a_pass_lets_the_loop_do_other_work_between_streams(theatre: Theatre) -> None:
    """Of those that are as they were, SLICE in one go, and no task for each."""
    made = await theatre.stream()
    for number in range(1, SLICE * 3):
        theatre.process.running.put(
            dataclasses.replace(made, id=StreamId(made.id + number), path=PathName(f"live/{made.id + number}"))
        )
    await theatre.passes()
    looked_at = [0]
    tasks: set[int] = set()

    class Viewers(dict[StreamId, int]):
        def get(self, stream_id: StreamId, default: int = 0) -> int:  # type: ignore[override]
            looked_at[-1] += 1
            return default

    async def other_work() -> None:
        while True:
            looked_at.append(0)
            tasks.add(len(asyncio.all_tasks()))
            await asyncio.sleep(0)

    theatre.viewers = Viewers()
    async with in_background(other_work()):
        await theatre.passes()
    assert sum(looked_at) == SLICE * 3
    assert max(looked_at) == SLICE
    assert max(tasks) < 2 * ABREAST


# ── the media server is away ──


async def test_a_media_server_that_is_away_for_too_long_interrupts_every_stream(theatre: Theatre) -> None:
    one, two, waiting = await theatre.live_stream("a"), await theatre.live_stream("b"), await theatre.stream()
    await theatre.fails(after_s=AWAY_S)
    assert theatre.state(one) == (Status.LIVE, "a")
    await theatre.fails(after_s=0.1)
    assert [theatre.state(stream) for stream in (one, two)] == [(Status.INTERRUPTED, None)] * 2
    assert theatre.state(waiting) == (Status.CREATED, None)
    assert await theatre.process.statuses(one.id) == [("live", None), ("interrupted", "media_server_lost")]
    await theatre.fails(after_s=1)
    assert len(await theatre.process.events(one.id)) == 2, "told once"


async def test_a_short_silence_is_no_interruption(theatre: Theatre) -> None:
    made = await theatre.live_stream()
    for _ in range(5):
        await theatre.fails(after_s=AWAY_S)
        await theatre.passes()
    assert await theatre.process.statuses(made.id) == [("live", None)]


async def test_a_listing_that_takes_long_is_no_silence_while_the_media_server_answers(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_S", 0.001)
    made, found = await theatre.live_stream("a"), await theatre.stream()
    theatre.media.publish(found.path, "b")
    answered = 0
    info = theatre.media.info

    async def note() -> MediaServerInfo:
        nonlocal answered
        answered += 1
        theatre.now += AWAY_S
        return await info()

    theatre.media.info = note  # type: ignore[method-assign]
    theatre.media.before_the_listing = lambda: until(lambda: answered >= 5)
    await theatre.passes()
    assert theatre.state(found) == (Status.LIVE, "b")
    theatre.media.before_the_listing = lambda: until(lambda: answered >= 10)
    await theatre.fails()
    assert await theatre.process.statuses(made.id) == [("live", None)]


async def test_a_listing_ends_when_the_media_server_no_longer_answers(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLOW_S", 0.001)
    made = await theatre.live_stream("a")

    async def never() -> None:
        await asyncio.Event().wait()

    theatre.media.before_the_listing = never
    await theatre.fails(after_s=AWAY_S + 1)
    assert theatre.state(made) == (Status.INTERRUPTED, None)


async def test_a_publisher_that_is_still_there_afterwards_goes_on(theatre: Theatre) -> None:
    made = await theatre.live_stream()
    await theatre.fails(after_s=AWAY_S + 1)
    await theatre.passes(after_s=10)
    assert theatre.state(made) == (Status.LIVE, "a")
    assert await theatre.process.statuses(made.id) == [
        ("live", None),
        ("interrupted", "media_server_lost"),
        ("live", None),
    ]
    (session,) = await theatre.process.sessions(made.id)
    assert (session["over"], session["end_reason"]) == (False, None)


async def test_waits_start_again_after_the_media_servers_downtime(theatre: Theatre) -> None:
    """Nobody could return to, or begin, what was waiting."""
    interrupted, waiting = await theatre.live_stream(), await theatre.stream()
    theatre.media.leave(interrupted.path)
    await theatre.passes()
    await theatre.passes(GRACE_S - 1)  # both are close to their end
    await theatre.passes()
    theatre.now += NEVER_PUBLISHED_S - GRACE_S - 1
    await theatre.fails(after_s=AWAY_S + 1)
    await theatre.passes()
    assert (theatre.state(interrupted), theatre.state(waiting)) == ((Status.INTERRUPTED, None), (Status.CREATED, None))
    await theatre.passes(GRACE_S - 1)
    assert theatre.state(interrupted) == (Status.INTERRUPTED, None)
    await theatre.passes(1)
    assert theatre.state(interrupted) is None
    await theatre.passes(NEVER_PUBLISHED_S - GRACE_S - 1)
    assert theatre.state(waiting) == (Status.CREATED, None)
    await theatre.passes(1)
    assert theatre.state(waiting) is None


# ── waiting ──


async def test_an_interrupted_stream_ends_when_its_grace_is_over(theatre: Theatre) -> None:
    made = await theatre.live_stream()
    theatre.media.leave(made.path)
    await theatre.passes()
    await theatre.passes()
    await theatre.passes(GRACE_S - 0.1)
    assert theatre.state(made) == (Status.INTERRUPTED, None)
    await theatre.passes(0.1)
    assert theatre.state(made) is None
    assert await theatre.process.statuses(made.id) == [
        ("live", None),
        ("interrupted", "publisher_lost"),
        ("ended", "grace_over"),
    ]


async def test_without_any_grace_an_interruption_is_the_end(theatre: Theatre) -> None:
    user_id = await new_user(theatre.process.database)
    made = await theatre.process.lifecycle.go_live(user_id, StreamOptions(grace_s=0))
    theatre.media.publish(made.path, "a")
    await theatre.passes()
    theatre.media.leave(made.path)
    await theatre.passes()
    await theatre.passes()
    assert await theatre.reason(made) == "grace_over"


@pytest.mark.parametrize("seen_live", [True, False])
async def test_every_interruption_has_a_grace_of_its_own(theatre: Theatre, *, seen_live: bool) -> None:
    """Also when no pass saw the stream live in between."""
    made = await theatre.live_stream("a")
    theatre.media.leave(made.path)
    await theatre.passes()
    await theatre.passes()
    theatre.now += GRACE_S - 1
    if seen_live:
        theatre.media.publish(made.path, "b")
        await theatre.passes()
        await theatre.passes(GRACE_S)
        theatre.media.leave(made.path)
    else:
        theatre.media.publish(made.path, "b")
        source = theatre.media.connections[SourceId("b")]
        await theatre.process.lifecycle.publisher_online(made.id, source, 0)
        await theatre.process.lifecycle.publisher_lost(made.id, SourceId("b"), "publisher_lost", 0)
        theatre.media.leave(made.path)
    await theatre.passes()
    await theatre.passes()
    await theatre.passes(GRACE_S - 1)
    assert theatre.state(made) == (Status.INTERRUPTED, None)
    await theatre.passes(1)
    assert theatre.state(made) is None


async def test_a_stream_that_is_never_published_to_ends(theatre: Theatre) -> None:
    made = await theatre.stream()
    await theatre.passes()
    await theatre.passes(NEVER_PUBLISHED_S - 0.1)
    assert theatre.state(made) == (Status.CREATED, None)
    await theatre.passes(0.1)
    assert theatre.state(made) is None
    assert await theatre.process.statuses(made.id) == [("ended", "never_published")]


async def test_viewers_keep_an_unpublished_stream_waiting_from_the_last_of_them_on(theatre: Theatre) -> None:
    made = await theatre.stream()
    await theatre.passes()
    theatre.viewers[made.id] = 1
    await theatre.passes(NEVER_PUBLISHED_S - 1)
    await theatre.passes(NEVER_PUBLISHED_S * 2)
    del theatre.viewers[made.id]
    await theatre.passes(NEVER_PUBLISHED_S - 1)
    assert theatre.state(made) == (Status.CREATED, None)
    await theatre.passes(1)
    assert await theatre.reason(made) == "never_published"


@pytest.mark.parametrize(("ago_s", "goes_on"), [(NEVER_PUBLISHED_S - 60, True), (NEVER_PUBLISHED_S + 60, False)])
async def test_a_recent_gift_keeps_an_unpublished_stream_waiting(
    theatre: Theatre, ago_s: int, *, goes_on: bool
) -> None:
    made = await theatre.stream()
    await give(theatre.process, made, dt.timedelta(seconds=ago_s))
    await theatre.passes()
    await theatre.passes(NEVER_PUBLISHED_S)
    assert theatre.state(made) == ((Status.CREATED, None) if goes_on else None)


async def give(process: Process, stream: Stream, ago: dt.timedelta) -> None:
    """Write the row of a gift."""
    sender_id = await new_user(process.database)
    async with process.database.transaction() as connection:
        await connection.execute("insert into gift (id, title, coins, picture) values (1, 'Rose', 1, 'rose.svg')")
        transfer_id = await connection.fetchval(
            """insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint)
               values ($1, 'gift', 'key', '') returning id""",
            sender_id,
        )
        await connection.execute(
            """insert into gift_sent (stream_id, gift_id, count, coins, sender_id, receiver_id, transfer_id, created_at)
               values ($1, 1, 1, 1, $2, $3, $4, $5)""",
            stream.id,
            sender_id,
            stream.user_id,
            transfer_id,
            utc_now() - ago,
        )


# ── disconnecting ──


@pytest.fixture
async def following(dsn: str) -> AsyncIterator[Theatre]:
    """A theatre whose process receives the changes of others."""
    async with process(dsn, follows=True) as made:
        yield Theatre(made)


async def test_while_cut_off_from_other_processes_their_streams_are_left_alone(theatre: Theatre) -> None:
    theatre.media.publish(PathName("live/999"), "of another process")
    await theatre.passes()
    assert theatre.media.kicked == []


@pytest.mark.parametrize("path", ["live/999", "elsewhere/7"])
async def test_an_unknown_publisher_is_disconnected(following: Theatre, path: str) -> None:
    """Media on a path of no running stream."""
    theatre = following
    made = await theatre.live_stream("a")
    theatre.media.publish(PathName(path), "stranger")
    await theatre.passes()
    assert theatre.media.kicked == ["stranger"]
    assert theatre.state(made) == (Status.LIVE, "a")


async def test_a_publisher_to_an_ended_stream_is_disconnected(following: Theatre) -> None:
    theatre = following
    made = await theatre.live_stream("a")
    await theatre.process.lifecycle.end(made.id, EndReason.OWNER)
    await theatre.passes()
    assert theatre.media.kicked == ["a"]
    assert await theatre.process.statuses(made.id) == [("live", None), ("ended", "owner")]


async def test_a_publisher_with_the_old_key_is_disconnected_and_may_return_with_the_new_one(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    await theatre.process.lifecycle.rotate(made.id)
    await theatre.passes()
    assert theatre.media.kicked == ["a"]
    await theatre.passes()
    assert theatre.state(made) == (Status.INTERRUPTED, None)
    await theatre.comes_in(made, "b", version=2)
    for _ in range(2):
        await theatre.passes()
    assert theatre.state(made) == (Status.LIVE, "b")
    assert theatre.media.kicked == ["a"]


async def test_who_slips_in_between_the_decision_and_the_new_key_does_not_go_live(theatre: Theatre) -> None:
    """Let in with the old key, not online yet when the key was changed."""
    made = await theatre.stream()
    let_in_at = utc_now()
    assert await theatre.process.publish(made) is Verdict.ALLOW
    await theatre.process.lifecycle.rotate(made.id)
    theatre.media.publish(made.path, "a", created_at=let_in_at)
    await theatre.passes()
    assert theatre.media.kicked == ["a"]
    assert theatre.state(made) == (Status.CREATED, None)
    assert await theatre.process.events(made.id) == []


async def test_a_connection_that_does_not_close_is_kicked_at_every_pass(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    theatre.media.closes_at_once = False
    await theatre.process.lifecycle.rotate(made.id)
    for _ in range(3):
        await theatre.passes(1)
    assert theatre.media.kicked == ["a"] * 3


@pytest.mark.parametrize("deny", ["end", "rotate"])
async def test_disconnecting_kicks_and_sees_it_gone(theatre: Theatre, deny: str) -> None:
    made = await theatre.live_stream("a")
    denied = await (
        theatre.process.lifecycle.end(made.id, EndReason.OPERATOR)
        if deny == "end"
        else theatre.process.lifecycle.rotate(made.id)
    )
    assert denied is not None
    theatre.media.closes_at_once = False
    disconnecting = asyncio.create_task(theatre.reconciler.disconnect(denied))
    await until(lambda: len(theatre.media.kicked) >= 2)
    assert not disconnecting.done()
    theatre.media.leave(made.path)
    assert await disconnecting is True


async def test_disconnecting_without_a_publisher_is_done_at_once(theatre: Theatre) -> None:
    made = await theatre.stream()
    assert await theatre.reconciler.disconnect(made) is True
    theatre.media.publish(made.path, "a")
    assert await theatre.reconciler.disconnect(made) is True, "whom nobody denied"
    assert theatre.media.kicked == []


async def test_a_publisher_with_the_new_key_is_not_disconnected(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    rotated = await theatre.process.lifecycle.rotate(made.id)
    assert rotated is not None
    await theatre.comes_in(made, "b", version=2, created_at=utc_now() - LATER)
    assert await theatre.reconciler.disconnect(rotated) is True
    assert theatre.media.kicked == []
    await theatre.passes()
    assert theatre.state(made) == (Status.LIVE, "b")


@pytest.mark.parametrize("seen_before", [False, True])
async def test_a_publisher_admitted_while_the_new_key_waited_for_its_commit_is_disconnected(
    theatre: Theatre, *, seen_before: bool
) -> None:
    """The old key is good until the commit, however long that takes and whatever the clocks say of it."""
    made = await theatre.stream()
    async with theatre.process.database.transaction() as connection:
        await connection.execute("select from stream where id = $1 for update", made.id)
        rotating = asyncio.create_task(theatre.process.lifecycle.rotate(made.id))
        await until_waiting_for_a_lock(theatre.process)
        await theatre.comes_in(made, "old key", created_at=utc_now() + LATER)
        if seen_before:
            looking = asyncio.create_task(theatre.passes())
            await until(lambda: theatre.media.asked_for_connections)
    rotated = await rotating
    if seen_before:
        await looking
    assert rotated is not None
    assert await theatre.reconciler.disconnect(rotated) is True
    await theatre.passes()
    assert theatre.media.kicked == ["old key"]
    assert theatre.state(made) in {(Status.CREATED, None), (Status.INTERRUPTED, None)}


async def until_waiting_for_a_lock(process: Process) -> None:
    waiting = """select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')"""
    await until(lambda: process.database.fetchval(waiting))


@pytest.mark.parametrize("deny", ["rotate", "end"])
async def test_of_many_publishers_during_a_change_of_the_key_none_stays_with_the_old_one(
    following: Theatre, deny: str
) -> None:
    """Let in by the old key, and online now or only after the change."""
    theatre = following
    for _ in range(5):
        made = await theatre.stream()
        let_in: list[str] = []

        async def knock(made: Stream = made, let_in: list[str] = let_in) -> None:
            while True:
                source_id = f"{made.id}:{len(let_in)}"
                if await theatre.process.publish(made, 1, source_id) is not Verdict.ALLOW:
                    return
                let_in.append(source_id)
                if len(let_in) % 2:
                    theatre.media.publish(made.path, source_id, created_at=utc_now() + LATER)
                await asyncio.sleep(0)

        knocking = asyncio.create_task(knock())
        await until(lambda let_in=let_in: len(let_in) > 10)  # type: ignore[misc]
        denied = await (
            theatre.process.lifecycle.rotate(made.id)
            if deny == "rotate"
            else theatre.process.lifecycle.end(made.id, EndReason.OWNER)
        )
        await knocking
        assert denied is not None
        assert await theatre.reconciler.disconnect(denied) is True
        theatre.media.publish(made.path, let_in[-1], created_at=utc_now() + LATER)
        await theatre.passes()
        assert made.path not in theatre.media.paths
        assert theatre.media.kicked[-1] == let_in[-1]
        assert theatre.state(made) in {None, (Status.CREATED, None)}
        if deny == "rotate":
            await theatre.comes_in(made, f"{made.id}:new", version=2, created_at=utc_now() - LATER)
            await theatre.passes()
            assert theatre.state(made) == (Status.LIVE, f"{made.id}:new")


async def test_after_a_restart_a_publisher_with_the_current_key_goes_on(theatre: Theatre, dsn: str) -> None:
    """And who came in with an older one is disconnected, though the new process let in neither of them."""
    made, denied = await theatre.stream(), await theatre.stream()
    await theatre.process.lifecycle.rotate(made.id)
    await theatre.comes_in(made, "a", version=2)
    await theatre.comes_in(denied, "b")
    await theatre.passes()
    await theatre.process.lifecycle.rotate(denied.id)
    async with process(dsn) as second:
        restarted = Theatre(second, theatre.media)
        for _ in range(2):
            await restarted.passes()
        assert theatre.media.kicked == ["b"]
        assert [restarted.state(stream) for stream in (made, denied)] == [
            (Status.LIVE, "a"),
            (Status.INTERRUPTED, None),
        ]


async def test_a_publisher_with_an_unknown_key_is_disconnected_if_the_key_ever_changed(
    theatre: Theatre,
) -> None:
    """We were restarted between its auth and its first frame. Its encoder comes back by itself."""
    made, first = await theatre.stream(), await theatre.stream()
    await theatre.process.lifecycle.rotate(made.id)
    theatre.media.publish(made.path, "a")
    theatre.media.publish(first.path, "b")
    await theatre.passes()
    assert theatre.media.kicked == ["a"]
    assert theatre.state(first) == (Status.LIVE, "b")
    await theatre.comes_in(made, "c", version=2)
    await theatre.passes()
    assert theatre.media.kicked == ["a"]
    assert theatre.state(made) == (Status.LIVE, "c")
    await theatre.process.lifecycle.rotate(first.id)
    await theatre.passes()
    assert theatre.media.kicked == ["a", "b"]


async def test_disconnecting_says_when_it_could_not(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    rotated = await theatre.process.lifecycle.rotate(made.id)
    assert rotated is not None
    theatre.media.away = True
    assert await theatre.reconciler.disconnect(rotated) is False
    theatre.media.away = False
    await theatre.passes()
    assert theatre.media.kicked == ["a"]


# ── a phone that turns ──

PORTRAIT, LANDSCAPE = (720, 1280), (1280, 720)


async def test_a_publisher_whose_picture_turns_is_disconnected_once_for_each_turn(theatre: Theatre) -> None:
    made = await theatre.stream()
    turns = [PORTRAIT, LANDSCAPE, PORTRAIT, LANDSCAPE]
    for number, (before, after) in enumerate(itertools.pairwise(turns)):
        theatre.media.publish(made.path, str(number), size=before)
        for _ in range(3):
            await theatre.passes()
        assert theatre.state(made) == (Status.LIVE, str(number))
        theatre.media.turn(made.path, after)
        await theatre.passes()
        assert theatre.media.kicked == [str(n) for n in range(number + 1)]
        await theatre.passes()
        assert theatre.state(made) == (Status.INTERRUPTED, None)


async def test_one_that_returns_as_it_was_is_left_alone(theatre: Theatre) -> None:
    """Its encoder begins each connection with the same shape: to disconnect it again would show viewers nothing at all."""
    made = await theatre.stream()
    for source_id in ("a", "b"):
        theatre.media.publish(made.path, source_id, size=PORTRAIT)
        await theatre.passes()
        theatre.media.turn(made.path, LANDSCAPE)
        for _ in range(2):
            await theatre.passes()
    assert theatre.media.kicked == ["a"]
    assert theatre.state(made) == (Status.LIVE, "b")


async def test_a_turn_of_a_publisher_that_does_not_go_at_once_is_asked_for_until_it_is_answered(
    theatre: Theatre,
) -> None:
    made = await theatre.stream()
    theatre.media.publish(made.path, "a", size=PORTRAIT)
    await theatre.passes()
    theatre.media.turn(made.path, LANDSCAPE)
    kick, theatre.media.closes_at_once = theatre.media.kick, False

    async def no_answer(source: MediaSource) -> bool:
        raise MediaServerUnavailable("No answer.")

    theatre.media.kick = no_answer  # type: ignore[method-assign]
    await theatre.passes()
    theatre.media.kick = kick  # type: ignore[method-assign]
    for _ in range(3):
        await theatre.passes()
    assert theatre.media.kicked == ["a"]


@pytest.mark.parametrize(
    ("protocol", "sizes"),
    [
        ("rtmp", [(1280, 720), (640, 360), (480, 272), (320, 180)]),
        ("rtmp", [None, PORTRAIT, None, PORTRAIT]),
        ("rtmp", [None, None]),
        ("webrtc", [PORTRAIT, LANDSCAPE]),
    ],
    ids=["scaled", "known late", "unknown", "a browser, which does not return"],
)
async def test_whose_picture_only_changes_its_scale_stays(
    theatre: Theatre, protocol: str, sizes: list[tuple[int, int] | None]
) -> None:
    made = await theatre.stream()
    theatre.media.publish(made.path, "a", size=sizes[0], protocol=protocol)
    for size in sizes:
        theatre.media.turn(made.path, size)
        await theatre.passes()
    assert theatre.media.kicked == []
    assert theatre.state(made) == (Status.LIVE, "a")


async def test_a_size_that_is_known_late_turns_as_well(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    for size in (PORTRAIT, LANDSCAPE):
        theatre.media.turn(made.path, size)
        await theatre.passes()
    assert theatre.media.kicked == ["a"]


# ── the database is away ──


async def test_a_pass_that_the_database_held_up_is_no_silence_of_the_media_server(theatre: Theatre) -> None:
    made, waiting = await theatre.live_stream("a"), await theatre.stream()
    theatre.media.publish(waiting.path, "b")
    async with theatre.process.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", waiting.id)
        held_up = asyncio.create_task(theatre.reconciler.reconcile())
        await until_waiting_for_a_lock(theatre.process)
        theatre.now += 10
    await held_up
    theatre.media.away = True
    with pytest.raises(MediaServerUnavailable):
        await theatre.reconciler.reconcile()
    assert theatre.state(made) == (Status.LIVE, "a")
    assert theatre.state(waiting) == (Status.LIVE, "b")


async def test_a_database_that_is_away_in_the_middle_of_a_pass_only_delays(dsn: str) -> None:
    async with wire(dsn) as line, process(line.dsn) as cut_off:
        theatre = Theatre(cut_off)
        made, over = await theatre.stream(), await theatre.live_stream("b")
        theatre.media.leave(over.path)
        theatre.media.publish(made.path, "a")
        theatre.media.before_the_listing = line.pull_out
        passing = asyncio.create_task(theatre.passes())
        await until(lambda: not cut_off.database.usage()[0])
        assert (theatre.state(made), theatre.state(over)) == ((Status.CREATED, None), (Status.LIVE, "b"))
        await line.plug_in()
        await passing
        assert (theatre.state(made), theatre.state(over)) == ((Status.LIVE, "a"), (Status.INTERRUPTED, None))
        assert await cut_off.statuses(made.id) == [("live", None)]
        assert await cut_off.statuses(over.id) == [("live", None), ("interrupted", "publisher_lost")]


async def test_what_a_pass_could_not_ask_the_database_the_next_one_asks(dsn: str) -> None:
    async with wire(dsn) as line, process(line.dsn) as cut_off:
        theatre = Theatre(cut_off)
        unpublished = await theatre.stream()
        await theatre.passes()
        await line.pull_out()
        await theatre.passes(NEVER_PUBLISHED_S)
        assert theatre.state(unpublished) == (Status.CREATED, None)
        await line.plug_in()
        await theatre.passes()
        assert theatre.state(unpublished) is None


# ── hooks ──


@asynccontextmanager
async def at_work(theatre: Theatre) -> AsyncIterator[None]:
    """Run the reconciler, and wait for its first pass. Later changes are found by hooks unless the test asks for
    passes."""
    passed = asyncio.Event()

    async def tell() -> None:
        passed.set()

    theatre.media.before_the_listing = tell
    async with in_background(theatre.reconciler.run()):
        await passed.wait()
        yield


async def test_a_hook_brings_a_publisher_and_its_loss_at_once(theatre: Theatre) -> None:
    made = await theatre.stream()
    async with at_work(theatre):
        theatre.media.publish(made.path, "a")
        theatre.hint(made.path, True, "a")
        await until(lambda: theatre.state(made) == (Status.LIVE, "a"))
        theatre.media.leave(made.path)
        theatre.hint(made.path, False, "a")
        await until(lambda: theatre.state(made) == (Status.INTERRUPTED, None))
    assert await theatre.process.statuses(made.id) == [("live", None), ("interrupted", "publisher_lost")]


async def test_a_hook_that_comes_before_the_media_servers_books_are_in_order_is_followed(theatre: Theatre) -> None:
    made = await theatre.stream()
    async with at_work(theatre):
        theatre.hint(made.path, True, "a")
        await until(lambda: len(theatre.media.asked_for) >= 2)
        theatre.media.publish(made.path, "a")
        await until(lambda: theatre.state(made) == (Status.LIVE, "a"))
        asked = len(theatre.media.asked_for)
        theatre.hint(made.path, False, "a")
        await until(lambda: len(theatre.media.asked_for) >= asked + 2)
        assert theatre.state(made) == (Status.LIVE, "a"), "still there"
        theatre.media.leave(made.path)
        await until(lambda: theatre.state(made) == (Status.INTERRUPTED, None))


async def test_a_key_that_is_rotated_while_a_hook_is_followed_disconnects_its_publisher(theatre: Theatre) -> None:
    made = await theatre.live_stream("a")
    get_path = theatre.media.get_path

    async def rotated_meanwhile(name: PathName) -> MediaPath | None:
        found = await get_path(name)
        await theatre.process.lifecycle.rotate(made.id)
        return found

    theatre.media.get_path = rotated_meanwhile  # type: ignore[method-assign]
    async with at_work(theatre):
        theatre.hint(made.path, True, "a")
        await until(lambda: theatre.media.kicked == ["a"])


async def test_a_hook_is_followed_for_a_while_only(theatre: Theatre) -> None:
    """Its publisher came, and was gone again."""
    made = await theatre.stream()
    async with at_work(theatre):
        theatre.hint(made.path, True, "a")
        await until(lambda: len(theatre.media.asked_for) == HINT_LOOKS)
        other = await theatre.stream()
        theatre.media.publish(other.path, "b")
        theatre.hint(other.path, True, "b")
        await until(lambda: theatre.state(other) == (Status.LIVE, "b"))
    assert theatre.media.asked_for.count(made.path) == HINT_LOOKS
    assert theatre.state(made) == (Status.CREATED, None)


async def test_a_hook_without_an_effect_delays_no_other(theatre: Theatre) -> None:
    nowhere, made = await theatre.stream(), await theatre.stream()
    async with at_work(theatre):
        theatre.hint(nowhere.path, True, "gone")
        await until(lambda: theatre.media.asked_for == [nowhere.path])
        theatre.media.publish(made.path, "a")
        theatre.hint(made.path, True, "a")
        await until(lambda: theatre.state(made) == (Status.LIVE, "a"))
        assert theatre.media.asked_for.count(nowhere.path) < HINT_LOOKS


async def test_repeated_hooks_say_no_more_than_one(theatre: Theatre) -> None:
    made, later = await theatre.stream(), await theatre.stream()
    async with at_work(theatre):
        theatre.media.publish(made.path, "a")
        for _ in range(20):
            theatre.hint(made.path, True, "a")
            await theatre.process.database.fetchval("select 1")
        theatre.media.publish(later.path, "b")
        theatre.hint(later.path, True, "b")
        await until(lambda: theatre.state(later) == (Status.LIVE, "b"))
    assert theatre.state(made) == (Status.LIVE, "a")
    assert await theatre.process.statuses(made.id) == [("live", None)]


@pytest.mark.parametrize("swapped", [False, True])
async def test_the_hooks_of_a_take_over_may_come_in_any_order(theatre: Theatre, *, swapped: bool) -> None:
    made = await theatre.live_stream("a")
    async with at_work(theatre):
        theatre.media.publish(made.path, "b")
        hooks = [(False, "a"), (True, "b")]
        for online, source_id in reversed(hooks) if swapped else hooks:
            theatre.media.asked_for.clear()
            theatre.hint(made.path, online, source_id)
            await until(lambda: theatre.media.asked_for)
        await until(lambda: theatre.state(made) == (Status.LIVE, "b"))
    assert await theatre.process.statuses(made.id) == [("live", None), ("live", None)]
    assert [row["over"] for row in await theatre.process.sessions(made.id)] == [True, False]


@pytest.mark.parametrize("online", [False, True])
async def test_a_hook_of_long_ago_changes_nothing(theatre: Theatre, *, online: bool) -> None:
    made, later = await theatre.live_stream("b"), await theatre.stream()
    async with at_work(theatre):
        theatre.hint(made.path, online, "a")
        await until(lambda: theatre.media.asked_for == [made.path])
        theatre.media.publish(later.path, "c")
        theatre.hint(later.path, True, "c")
        await until(lambda: theatre.state(later) == (Status.LIVE, "c"))
    assert theatre.state(made) == (Status.LIVE, "b")
    assert await theatre.process.statuses(made.id) == [("live", None)]


async def test_a_hook_of_a_path_that_is_not_ours_is_not_followed(theatre: Theatre) -> None:
    made = await theatre.stream()
    async with at_work(theatre):
        theatre.media.publish(made.path, "a")
        theatre.hint(PathName("live/999"), True, "x")
        theatre.hint(made.path, True, "a")
        await until(lambda: theatre.state(made) == (Status.LIVE, "a"))
    assert theatre.media.asked_for == [made.path]


async def test_a_lost_hook_is_made_up_for_by_the_next_pass(here: Process) -> None:
    theatre = Theatre(here, pass_s=0.02)
    made = await theatre.stream()
    async with at_work(theatre):
        theatre.media.publish(made.path, "a")
        await until(lambda: theatre.state(made) == (Status.LIVE, "a"))
        theatre.media.leave(made.path)
        await until(lambda: theatre.state(made) == (Status.INTERRUPTED, None))


async def test_a_media_server_that_does_not_answer_a_hook_is_asked_again_by_the_next_pass(here: Process) -> None:
    theatre = Theatre(here, pass_s=0.05)
    made = await theatre.stream()
    async with at_work(theatre):
        theatre.media.away = True
        theatre.media.publish(made.path, "a")
        theatre.hint(made.path, True, "a")
        await until(lambda: theatre.media.asked_for)
        assert theatre.state(made) == (Status.CREATED, None)
        theatre.media.away = False
        await until(lambda: theatre.state(made) == (Status.LIVE, "a"))


async def test_a_flood_of_hooks_does_not_keep_the_passes_from_coming(here: Process) -> None:
    theatre = Theatre(here, pass_s=0.02)
    busy, found = await theatre.live_stream("a"), await theatre.stream()

    async def flood() -> None:
        while True:
            theatre.hint(busy.path, True, "a")
            await asyncio.sleep(0)

    async with at_work(theatre), in_background(flood()):
        theatre.media.publish(found.path, "b")
        await until(lambda: theatre.state(found) == (Status.LIVE, "b"))
