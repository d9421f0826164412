"""The prober: which stream is probed when, and what follows from a result. The probe is a double, because the timing
matters."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from control_plane.base.ids import StreamId
from control_plane.base.signing import Keyring
from control_plane.observe.metrics import Metrics
from control_plane.streams import store
from control_plane.streams.media.model import MediaConnection, MediaSource, PathName, SourceId
from control_plane.streams.model import EndReason, Stream, StreamOptions, Visibility
from control_plane.streams.probing.keys import ProbeKeys
from control_plane.streams.probing.metrics import ProbeMetrics
from control_plane.streams.probing.model import Outcome, ProbeKey, ProbeResult, Via
from control_plane.streams.probing.prober import BELIEVED_FAILURES, RETRIES_S, Prober
from control_plane.streams.probing.thumbnails import Thumbnails, delete_old_thumbnails
from tests.control_plane.people import new_user
from tests.control_plane.streams.process import Process
from tests.control_plane.streams.samples import SECRET
from tests.waiting import in_background, until

PROBE_KEYS = ProbeKeys(Keyring((SECRET,)))
PLAYS = ProbeResult(Outcome.PLAYING, Via.WHEP, 360, 640, "h264", True, pictured=True, seconds=0.5)
STILL = ProbeResult(Outcome.NOT_PLAYING, why="silent", note="Check the camera.")
UNSUPPORTED = ProbeResult(Outcome.UNSUPPORTED)
FAILED = ProbeResult(Outcome.FAILED, why="killed at its deadline")
INTERVAL_S = 30.0

_RECORD = "select playing, probed_at is not null as probed, probe from stream where id = $1"


def picture_of(studio: Studio, stream_id: StreamId) -> Path:
    """The thumbnail's file, by its URL."""
    name, _, version = studio.prober.thumbnail(stream_id).partition("?v=")
    assert version.isdecimal()
    return studio.folder / name


class Looks:
    """Returns `result` when `let_go` is set (as it is at first); records the probed paths."""

    def __init__(self) -> None:
        self.result = PLAYS
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.breaks = False
        self.begun: list[StreamId] = []
        self.keys: dict[StreamId, ProbeKey] = {}
        self.pictures: list[Path | None] = []
        self.under_way = self.most_at_once = self.cancelled = 0

    async def probe(self, path: PathName, key: ProbeKey, picture: Path | None, deadline_s: float) -> ProbeResult:
        stream_id = StreamId(int(path.removeprefix("live/")))
        self.keys[stream_id] = key
        self.begun.append(stream_id)
        self.pictures.append(picture)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            if self.breaks:
                raise ValueError("a bug of the probe's")
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        return self.result


@dataclass
class Studio:
    """Streams of one process, its prober, and a clock that only the test moves."""

    here: Process
    folder: Path
    limit: int = 2
    looks: Looks = field(default_factory=Looks)
    metrics: Metrics = field(default_factory=Metrics)
    now: float = 1000.0
    clock: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        self.thumbnails = Thumbnails(self.folder, self.here.database)
        self.prober = Prober(
            self.looks,
            self.here.running,
            PROBE_KEYS,
            self.thumbnails,
            self.here.database,
            ProbeMetrics(self.metrics),
            limit=self.limit,
            interval_s=INTERVAL_S,
            monotonic=self.clock or (lambda: self.now),
        )
        self.prober.follow()

    def pass_time(self, seconds: float) -> None:
        """Move the clock. The prober sleeps by the real one, and is woken by what it takes for a change."""
        self.now += seconds
        for stream in self.here.running.all():
            self.here.running.put(stream)

    async def live(self, source_id: str = "a", visibility: Visibility = Visibility.PUBLIC) -> Stream:
        user_id = await new_user(self.here.database)
        made = await self.here.lifecycle.go_live(user_id, StreamOptions(visibility=visibility))
        return await self.online(made, source_id)

    async def online(self, stream: Stream, source_id: str) -> Stream:
        source = MediaSource("rtmpConn", SourceId(source_id))
        connection = MediaConnection(source, dt.datetime.now(dt.UTC), "10.0.0.1:1", "rtmp", "", 0)
        online = await self.here.lifecycle.publisher_online(stream.id, connection, 0)
        assert online is not None
        return online

    async def looked(self, times: int) -> None:
        """Wait until this number of probes has finished."""
        await until(lambda: len(self.looks.begun) >= times and not self.looks.under_way)

    async def record(self, stream: Stream) -> Any:
        row = await self.here.database.fetchrow(_RECORD, stream.id)
        assert row is not None
        return row

    async def recorded(self, stream: Stream) -> Any:
        """The same, once a probe has been stored."""
        async with asyncio.timeout(5):
            while not (record := await self.record(stream))["probed"]:  # noqa: ASYNC110  it is the database that changes
                await asyncio.sleep(0.01)
            return record

    def counted(self, outcome: str, via: str) -> float | None:
        return self.metrics.registry.get_sample_value("stagedoor_probes_total", {"outcome": outcome, "via": via})


@pytest.fixture
async def studio(here: Process, tmp_path: Path) -> AsyncIterator[Studio]:
    made = Studio(here, tmp_path)
    async with in_background(made.prober.run()):
        yield made


@asynccontextmanager
async def probing(here: Process, folder: Path, limit: int) -> AsyncIterator[Studio]:
    made = Studio(here, folder, limit)
    async with in_background(made.prober.run()):
        yield made


# ── what was seen ──


async def test_a_stream_that_plays_says_so_everywhere(studio: Studio) -> None:
    made = await studio.live()
    await until(lambda: studio.prober.playing(made.id))
    assert PROBE_KEYS.verify(studio.looks.keys[made.id], made.id, made.key_salt)
    assert picture_of(studio, made.id) == studio.folder / f"thumbnails/{made.id}.jpg"
    assert studio.looks.pictures == [picture_of(studio, made.id)]
    assert studio.prober.streams_playing() == 1
    seen = studio.prober.seen(made.id)
    assert seen is not None
    assert seen.result == PLAYS
    assert studio.counted("playing", "whep") == 1
    record = await studio.recorded(made)
    assert record["playing"] is True
    found = {"outcome": "playing", "via": "whep", "width": 360, "height": 640, "video_codec": "h264", "audio": True}
    assert found.items() <= json.loads(record["probe"]).items()
    stored = await store.get(studio.here.database, made.id)
    assert stored is not None
    assert stored.playing is True


@pytest.mark.parametrize(("result", "playing"), [(STILL, False), (UNSUPPORTED, None)])
async def test_online_and_playing_differ(studio: Studio, result: ProbeResult, playing: bool | None) -> None:
    studio.looks.result = result
    made = await studio.live()
    await until(lambda: studio.prober.seen(made.id))
    assert studio.prober.playing(made.id) is playing
    assert studio.prober.streams_playing() == 0
    assert studio.prober.thumbnail(made.id) == ""
    assert (await studio.recorded(made))["playing"] is playing
    assert studio.prober.note(made.id) == result.note
    stored = await store.get(studio.here.database, made.id)
    assert stored is not None
    assert stored.playing_note == result.note
    lost = await studio.here.lifecycle.publisher_lost(made.id, SourceId("a"), "publisher_lost", 0)
    assert lost is not None
    assert lost.playing_note == "", "of a publisher who has gone"
    assert studio.counted(result.outcome.value, "none") == 1


async def test_a_probe_that_failed_says_nothing_until_too_many_have(studio: Studio) -> None:
    made = await studio.live()
    await until(lambda: studio.prober.playing(made.id))
    studio.looks.result = FAILED
    for failures in range(1, BELIEVED_FAILURES + 1):
        studio.pass_time(INTERVAL_S)
        await studio.looked(failures + 1)
        assert studio.prober.playing(made.id) is (True if failures < BELIEVED_FAILURES else None)
    assert studio.counted("failed", "none") == BELIEVED_FAILURES


async def test_a_picture_is_taken_of_public_streams_only(studio: Studio) -> None:
    made = [await studio.live(visibility=visibility) for visibility in Visibility]
    await studio.looked(len(made))
    pictured = [stream_id for stream_id, file in zip(studio.looks.begun, studio.looks.pictures, strict=True) if file]
    assert pictured == [stream.id for stream in made if stream.visibility is Visibility.PUBLIC]


# ── when ──


async def test_a_stream_that_plays_is_looked_at_once_in_an_interval(studio: Studio) -> None:
    made = await studio.live()
    await studio.looked(1)
    studio.pass_time(INTERVAL_S - 1)
    other = await studio.live()
    await studio.looked(2)
    studio.pass_time(1)
    await studio.looked(3)
    assert studio.looks.begun == [made.id, other.id, made.id]


async def test_a_stream_that_does_not_play_yet_is_looked_at_again_soon(studio: Studio) -> None:
    studio.looks.result = STILL
    await studio.live()
    for looks, retry_s in enumerate(RETRIES_S, 1):
        await studio.looked(looks)
        studio.pass_time(retry_s)
    await studio.looked(len(RETRIES_S) + 1)
    studio.pass_time(max(RETRIES_S))
    other = await studio.live()
    await until(lambda: other.id in studio.looks.begun)
    assert len(studio.looks.begun) == len(RETRIES_S) + 2, "from then on like any other"


async def test_a_stream_that_is_not_online_is_not_probed(studio: Studio) -> None:
    waiting = await studio.here.lifecycle.go_live(await new_user(studio.here.database), StreamOptions())
    lost = await studio.live("a")
    await until(lambda: studio.prober.playing(lost.id))
    assert (await studio.recorded(lost))["playing"] is True
    await studio.here.lifecycle.publisher_lost(lost.id, SourceId("a"), "publisher_lost", 0)
    await until(lambda: studio.prober.playing(lost.id) is None)
    assert (await studio.record(lost))["playing"] is None
    studio.pass_time(INTERVAL_S)
    online = await studio.live()
    await until(lambda: online.id in studio.looks.begun)
    assert studio.looks.begun.count(lost.id) == 1
    assert waiting.id not in studio.looks.begun


async def test_another_publisher_of_the_same_stream_is_probed_again(studio: Studio) -> None:
    made = await studio.live("a")
    await until(lambda: studio.prober.playing(made.id))
    studio.looks.result = STILL
    await studio.online(made, "b")
    await until(lambda: studio.prober.playing(made.id) is False)


async def test_what_was_seen_of_an_earlier_publisher_says_nothing_about_the_next(studio: Studio) -> None:
    studio.looks.let_go.clear()
    made = await studio.live("a")
    await until(lambda: studio.looks.under_way == 1)
    await studio.online(made, "b")
    await until(lambda: studio.looks.under_way == 2)
    studio.looks.result = STILL
    studio.looks.let_go.set()
    await until(lambda: studio.prober.playing(made.id) is False)
    await store.probed(studio.here.database, made.id, SourceId("a"), True, "{}")
    assert (await studio.record(made))["playing"] is not True


async def test_it_sleeps_until_the_next_is_due(here: Process, tmp_path: Path) -> None:
    """By the real clock: no change wakes it between the two probes."""
    studio = Studio(here, tmp_path, clock=time.monotonic)
    studio.looks.result = STILL
    async with in_background(studio.prober.run()):
        made = await studio.live()
        await studio.looked(2)
    assert studio.looks.begun == [made.id] * 2


async def test_a_change_costs_no_look_at_the_other_streams(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = [await studio.live() for _ in range(3)]
    await studio.looked(3)
    running, read = studio.here.running, []

    def get(stream_id: StreamId, get: Callable[[StreamId], Stream | None] = running.get) -> Stream | None:
        read.append(stream_id)
        return get(stream_id)

    monkeypatch.setattr(running, "get", get)
    monkeypatch.setattr(running, "all", lambda: pytest.fail("scanned all streams"))
    changed = await studio.live()
    await studio.looked(4)
    assert not {stream.id for stream in quiet} & set(read)
    assert changed.id in read


async def test_a_reload_brings_what_no_message_announced(studio: Studio) -> None:
    lost = await studio.live("a")
    await until(lambda: studio.prober.playing(lost.id))
    came = await studio.here.lifecycle.go_live(await new_user(studio.here.database), StreamOptions())
    for stream, status, source_id in ((lost, "interrupted", None), (came, "live", "b")):
        await studio.here.database.execute(
            """update stream set status = $2, source_id = $3, live_at = now(),
               interrupted_at = case when $3::text is null then now() end where id = $1""",
            stream.id,
            status,
            source_id,
        )
    await studio.here.running.load()
    await until(lambda: studio.prober.playing(came.id))
    assert studio.prober.seen(lost.id) is None


async def test_a_stream_that_is_hidden_loses_its_picture_at_once_and_also_one_that_was_being_taken(
    studio: Studio,
) -> None:
    made = await studio.live()
    await until(lambda: studio.prober.thumbnail(made.id))
    studio.looks.let_go.clear()
    studio.pass_time(INTERVAL_S)
    await until(lambda: studio.looks.under_way == 1)
    hidden = dataclasses.replace(made, visibility=Visibility.PRIVATE)
    studio.here.running.put(hidden)
    await until(lambda: not studio.prober.thumbnail(made.id))
    studio.looks.let_go.set()
    await studio.looked(2)
    await until(lambda: not studio.prober.thumbnail(made.id))


# ── how many ──


async def test_probes_at_the_same_time_are_limited_and_every_stream_has_its_turn(here: Process, tmp_path: Path) -> None:
    async with probing(here, tmp_path, limit=2) as studio:
        made = [await studio.live() for _ in range(7)]
        await studio.looked(7)
        assert studio.looks.most_at_once <= 2
        assert set(studio.looks.begun) == {stream.id for stream in made}
        studio.pass_time(INTERVAL_S)
        await studio.looked(14)
        assert sorted(studio.looks.begun[7:]) == sorted(stream.id for stream in made)


async def test_one_that_hangs_keeps_its_place_only_and_costs_its_stream_nothing(here: Process, tmp_path: Path) -> None:
    async with probing(here, tmp_path, limit=1) as studio:
        studio.looks.let_go.clear()
        hanging = await studio.live()
        await until(lambda: studio.looks.under_way == 1)
        other = await studio.live()
        assert studio.looks.begun == [hanging.id]
        studio.looks.result = FAILED  # its child is killed at the deadline
        studio.looks.let_go.set()
        await until(lambda: other.id in studio.looks.begun)
        stored = await store.get(here.database, hanging.id)
        assert stored == here.running.get(hanging.id) == hanging


async def test_one_that_breaks_ends_nothing_and_has_its_next_turn(
    here: Process, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with probing(here, tmp_path, limit=1) as studio:
        studio.looks.breaks = True
        broken = await studio.live()
        await until(lambda: "probe_broke" in caplog.messages)
        studio.looks.breaks = False
        other = await studio.live()
        assert (await studio.recorded(other))["playing"]
        studio.pass_time(INTERVAL_S)
        assert (await studio.recorded(broken))["playing"]
        assert caplog.messages.count("probe_broke") == 1


async def test_the_stream_that_has_waited_longest_is_probed_next(here: Process, tmp_path: Path) -> None:
    async with probing(here, tmp_path, limit=1) as studio:
        made = []
        for _ in range(4):
            made.append((await studio.live()).id)
            await studio.looked(len(made))
            studio.pass_time(1)
        studio.pass_time(INTERVAL_S)
        await studio.looked(8)
        assert studio.looks.begun == made * 2


async def test_at_the_end_no_probe_is_left(here: Process, tmp_path: Path) -> None:
    async with probing(here, tmp_path, limit=2) as studio:
        studio.looks.let_go.clear()
        for _ in range(3):
            await studio.live()
        await until(lambda: studio.looks.under_way == 2)
    assert (studio.looks.under_way, studio.looks.cancelled) == (0, 2)


async def test_an_ended_stream_keeps_its_picture_for_an_hour(studio: Studio) -> None:
    made = await studio.live()
    await until(lambda: studio.prober.thumbnail(made.id))
    file = picture_of(studio, made.id)
    file.write_bytes(b"jpeg")
    await studio.here.lifecycle.end(made.id, EndReason.OWNER)
    await until(lambda: studio.prober.seen(made.id) is None)
    assert studio.prober.thumbnail(made.id) != ""
    for ended, is_there in (("59 minutes", True), ("61 minutes", False)):
        await studio.here.database.execute("update stream set ended_at = now() - $1::text::interval", ended)
        await delete_old_thumbnails.bind(studio.thumbnails).run(None)
        assert (file.exists(), studio.prober.thumbnail(made.id) != "") == (is_there, is_there)
