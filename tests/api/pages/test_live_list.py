"""`GET /live`: pages that are made once a second and shared by all callers."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.documentation.document import document
from api.http.bearer import bearer_token
from api.http.urls import Urls
from api.pages import live
from api.pages.answers import answering
from api.pages.live import PAGE_ITEMS, PAGES_REMEMBERED, SLICE, LiveNow, accepts_gzip
from api.sections import registry
from control_plane.base.ids import StreamId, UserId
from control_plane.bus.postgres import PostgresBus
from control_plane.streams import store
from control_plane.streams.model import EndReason
from control_plane.streams.running import RunningStreams
from tests.api.documentation.openapi_rules import mismatches
from tests.control_plane.people import new_user
from tests.control_plane.streams.samples import KEYS
from tests.control_plane.watched_database import WatchedDatabase, watched_database
from tests.postgres import by_owner

URLS = Urls("stage.localhost", 8080, 1935, 8888, 8889, 8890)
DOCUMENT = document(registry(dev=False), URLS, dev=False)
_MANY = """
    with made as (
        insert into app_user (username) select 'many' || n from generate_series(1, $1) as n returning id
    ), numbered as (select id, row_number() over (order by id) as n from made)
    insert into stream (user_id, path, grace_s, status, live_at, source_id)
    select id, 'live/many-' || n, 60, 'live', '2026-01-31 12:00:00+00', 'source' from numbered
"""


@dataclass
class Lobby:
    """`/live` on a port of its own, with a clock that the test sets."""

    database: WatchedDatabase
    running: RunningStreams
    client: TestClient[web.Request, web.Application] = field(init=False)
    now: float = 0.0
    viewers: dict[StreamId, int] = field(default_factory=dict)
    hidden: dict[str, set[UserId]] = field(default_factory=dict)
    """By the caller's token: the hosts whose streams are hidden."""

    async def hidden_from(self, request: web.Request) -> set[UserId]:
        return self.hidden.get(bearer_token(request) or "", set())

    async def stream(self, name: str = "host", **columns: Any) -> StreamId:
        """Insert a public live stream; `columns` override its values."""
        user_id = await new_user(self.database, name)
        values = {"status": "live", "visibility": "public", "title": "", "coins": 0} | columns
        values["source_id"] = "source" if values["status"] == "live" else None
        names, numbers = ", ".join(values), ", ".join(f"${number}" for number in range(2, len(values) + 2))
        made = await self.database.fetchval(
            f"""insert into stream (user_id, path, grace_s, live_at, {names})
                values ($1, 'live/of-' || $1::int, 60, '2026-01-31 12:00:00+00', {numbers}) returning id""",
            user_id,
            *values.values(),
        )
        await self.running.load()
        return StreamId(made)

    async def many(self, count: int) -> None:
        await self.database.execute(_MANY, count)
        await self.running.load()

    async def end(self, stream_id: StreamId) -> None:
        async with self.database.transaction() as connection:
            ended = await store.end(connection, stream_id, EndReason.OWNER, 0)
        assert ended is not None
        self.running.put(ended)

    async def answer(self, query: str = "", **headers: str) -> tuple[int, Mapping[str, str], bytes]:
        sent = {"Accept-Encoding": "identity"} | {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.get(f"/live{query}", headers=sent) as response:
            return response.status, response.headers, await response.read()

    async def page(self, query: str = "") -> dict[str, Any]:
        status, _, body = await self.answer(query)
        assert status == 200, body
        page: dict[str, Any] = json.loads(body)
        return page

    async def ids(self, query: str = "") -> list[int]:
        return [item["id"] for item in (await self.page(query))["streams"]]


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Lobby]:
    async with watched_database(dsn) as database:
        lobby = Lobby(database, RunningStreams(database, PostgresBus(""), KEYS, 900))
        list_ = LiveNow(
            database,
            lobby.running,
            lambda request: Urls(request.host.partition(":")[0], 8080, 1935, 8888, 8889, 8890),
            lambda stream_id: lobby.viewers.get(stream_id, 0),
            lambda stream_id: f"thumbnails/{stream_id}.jpg?v=1",
            lobby.hidden_from,
            lambda: lobby.now,
        )
        app = web.Application()
        app.router.add_get("/live", answering(list_.show))
        async with TestClient(TestServer(app), auto_decompress=False) as lobby.client:
            yield lobby


@pytest.fixture
async def lobby(dsn: str) -> AsyncIterator[Lobby]:
    async with opened(dsn) as lobby:
        yield lobby


async def test_public_streams_on_air_are_listed_as_they_are_described(lobby: Lobby) -> None:
    shown = await lobby.stream("ada", title="On air", coins=7)
    interrupted = await lobby.stream(status="interrupted")
    await lobby.stream(visibility="private")
    await lobby.stream(status="created")
    lobby.viewers[shown] = 3
    page = await lobby.page()
    assert [(item["id"], item["status"]) for item in page["streams"]] == [(shown, "live"), (interrupted, "interrupted")]
    assert (page["page"], page["pages"], page["total"]) == (1, 1, 2)
    item = page["streams"][0]
    assert item["username"].startswith("ada")
    assert (item["title"], item["coins"], item["viewers"]) == ("On air", 7, 3)
    assert item["started_at"] == "2026-01-31T12:00:00.000Z"
    assert item["thumbnail_url"] == f"http://127.0.0.1:8080/media/thumbnails/{shown}.jpg?v=1"
    schema = DOCUMENT["paths"]["/live"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert mismatches(DOCUMENT, schema, page) == []
    for key in item:
        without = {name: value for name, value in item.items() if name != key}
        assert mismatches(DOCUMENT, schema, {**page, "streams": [without]}) != [], key


async def test_many_callers_cost_what_one_costs(lobby: Lobby) -> None:
    await lobby.many(3)
    before = lobby.database.uses
    answers = await asyncio.gather(*(lobby.answer() for _ in range(200)))
    assert len({body for _, _, body in answers}) == 1
    assert lobby.database.uses == before + 1
    lobby.now = 0.99
    await lobby.answer()
    assert lobby.database.uses == before + 1
    lobby.now = 1.0
    await lobby.answer()
    assert lobby.database.uses == before + 2


async def test_a_page_is_encoded_and_compressed_once_a_second(lobby: Lobby, monkeypatch: pytest.MonkeyPatch) -> None:
    await lobby.many(3)
    made: list[str] = []
    compress, encode = live._gzip, live._Page._encode

    def counted_gzip(body: bytes) -> bytes:
        made.append("gzip")
        return compress(body)

    def counted_encode(page: live._Page) -> None:
        made.append("json")
        encode(page)

    monkeypatch.setattr(live, "_gzip", counted_gzip)
    monkeypatch.setattr(live._Page, "_encode", counted_encode)
    for _ in range(5):
        await lobby.answer()
        await lobby.answer(Accept_Encoding="gzip")
    assert made == ["json", "gzip"]


async def test_guests_and_people_get_the_same_bytes(lobby: Lobby) -> None:
    await lobby.stream()
    _, _, guest = await lobby.answer()
    _, headers, signed_in = await lobby.answer(Cookie="session=x", Authorization="Bearer x")
    assert guest == signed_in
    assert headers["Cache-Control"] == "public, max-age=1"


async def test_streams_are_hidden_from_some_and_the_others_share_their_bytes(lobby: Lobby) -> None:
    shown, hidden = [await lobby.stream() for _ in range(2)]
    host = await lobby.database.fetchval("select user_id from stream where id = $1", hidden)
    lobby.hidden = {"ann": {host}, "ben": {host, UserId(987)}, "carla": {UserId(987)}}
    _, _, everybody = await lobby.answer()
    before = lobby.database.uses
    answers = [await lobby.answer(Authorization=f"Bearer {name}") for name in lobby.hidden]
    assert answers[2][2] == everybody
    assert answers[0][2] == answers[1][2]
    assert lobby.database.uses == before + 1, "one page for all from whom the same is hidden"
    page = json.loads(answers[0][2])
    assert ([item["id"] for item in page["streams"]], page["total"], page["pages"]) == ([shown], 1, 1)
    for _, headers, _ in answers:
        assert {"Authorization", "Cookie"} <= set(headers["Vary"].split(", ")), "a shared cache keeps them apart"
    assert [headers["Cache-Control"] for _, headers, _ in answers] == [
        *["private, max-age=1"] * 2,
        "public, max-age=1",
    ]


async def test_hidden_streams_leave_no_gap_between_pages(lobby: Lobby) -> None:
    await lobby.many(PAGE_ITEMS + 2)
    hosts = [
        row["user_id"] for row in await lobby.database.fetch("select user_id from stream order by id desc limit 2")
    ]
    lobby.hidden["ann"] = set(hosts)
    status, _, body = await lobby.answer(Authorization="Bearer ann")
    page = json.loads(body)
    assert (status, len(page["streams"]), page["pages"], page["total"]) == (200, PAGE_ITEMS, 1, PAGE_ITEMS)
    _, _, body = await lobby.answer("?page=2", Authorization="Bearer ann")
    assert json.loads(body)["streams"] == []


async def test_what_is_known_is_not_sent_again(lobby: Lobby) -> None:
    stream_id = await lobby.stream()
    _, headers, body = await lobby.answer()
    etag = headers["ETag"]
    assert (headers["Cache-Control"], headers["Vary"]) == ("public, max-age=1", live.VARY)
    for known in (etag, etag.removeprefix("W/"), f'"another", {etag}', "*"):
        status, again, nothing = await lobby.answer(If_None_Match=known)
        assert (status, nothing, again["ETag"], again["Cache-Control"]) == (304, b"", etag, "public, max-age=1"), known
    for unknown in ('"another"', "", "nonsense"):
        assert (await lobby.answer(If_None_Match=unknown))[2] == body, unknown
    lobby.now = 5.0
    assert (await lobby.answer(If_None_Match=etag))[0] == 304, "nothing has changed"
    lobby.viewers[stream_id] = 1
    lobby.now = 10.0
    assert (await lobby.answer(If_None_Match=etag))[0] == 200


async def test_it_is_compressed_for_clients_that_accept_it(lobby: Lobby) -> None:
    await lobby.many(5)
    _, plain_headers, plain = await lobby.answer()
    _, headers, packed = await lobby.answer(Accept_Encoding="br, gzip;q=0.5")
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    assert headers["ETag"] == plain_headers["ETag"]
    assert "Content-Encoding" not in plain_headers


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("br,x-gzip ; q=0.001", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("br, gzip; q=0.000", False),
        ("notgzip", False),
        ("gzipped", False),
    ],
)
def test_who_accepts_gzip(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


async def test_pages_hold_everything_once_and_in_order(lobby: Lobby) -> None:
    await lobby.many(2 * PAGE_ITEMS + 1)
    favourite = min(stream.id for stream in lobby.running.all())
    lobby.viewers[favourite] = 9
    pages = [await lobby.page(query) for query in ("", "?page=2", "?page=3")]
    assert [len(page["streams"]) for page in pages] == [PAGE_ITEMS, PAGE_ITEMS, 1]
    assert [(page["page"], page["pages"], page["total"]) for page in pages] == [
        (number, 3, 2 * PAGE_ITEMS + 1) for number in (1, 2, 3)
    ]
    listed = [item["id"] for page in pages for item in page["streams"]]
    assert listed == [
        favourite,
        *sorted((stream.id for stream in lobby.running.all() if stream.id != favourite), reverse=True),
    ]
    assert await lobby.page("?page=1") == pages[0]


async def test_streams_that_come_do_not_move_a_page_within_its_second(lobby: Lobby) -> None:
    await lobby.many(PAGE_ITEMS + 1)
    first = await lobby.ids()
    await lobby.stream()
    assert set(first).isdisjoint(await lobby.ids("?page=2"))


async def test_a_page_after_the_last_is_empty_and_costs_nothing(lobby: Lobby) -> None:
    assert await lobby.page() == {"streams": [], "page": 1, "pages": 1, "total": 0}
    await lobby.stream()
    lobby.now = 1.0
    await lobby.answer()
    before = lobby.database.uses
    assert await lobby.page("?page=999999") == {"streams": [], "page": 999999, "pages": 1, "total": 1}
    assert lobby.database.uses == before


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", "01", "+1", "1000000", "٣", "1&page=2", "%00"])
async def test_a_wrong_page_is_refused_in_words(lobby: Lobby, value: str) -> None:
    status, _, body = await lobby.answer(f"?page={value}")
    assert (status, json.loads(body)) == (400, {"message": "page must be a whole number from 1 to 999999."})


async def test_what_ended_is_gone_at_once_and_its_page_has_another_etag(lobby: Lobby) -> None:
    stays, ends = await lobby.stream(), await lobby.stream()
    _, before, _ = await lobby.answer(Accept_Encoding="gzip")
    await lobby.end(ends)
    status, after, body = await lobby.answer(If_None_Match=before["ETag"], Accept_Encoding="gzip")
    assert status == 200
    assert after["ETag"] != before["ETag"]
    page = json.loads(gzip.decompress(body))
    assert ([item["id"] for item in page["streams"]], page["total"]) == ([stays], 1)


async def test_what_is_not_public_any_more_is_gone_at_once(lobby: Lobby) -> None:
    stays, hides = await lobby.stream(), await lobby.stream()
    assert await lobby.ids() == [hides, stays]
    await lobby.database.execute("update stream set visibility = 'private' where id = $1", hides)
    await lobby.running.load()
    assert await lobby.ids() == [stays]


async def test_a_failure_reaches_all_waiters_and_is_tried_again(lobby: Lobby) -> None:
    await lobby.stream()
    await by_owner(lobby.database, "alter view visible_user rename to hidden_user")
    failed = await asyncio.gather(*(lobby.answer() for _ in range(3)))
    assert {status for status, _, _ in failed} == {500}
    await by_owner(lobby.database, "alter view hidden_user rename to visible_user")
    assert len(await lobby.ids()) == 1


async def test_the_loop_has_its_turn_while_thousands_are_sorted(lobby: Lobby) -> None:
    await lobby.many(4 * SLICE)
    looked_at: list[int] = []
    turns: list[int] = []

    async def others() -> None:
        while len(looked_at) < 4 * SLICE:
            turns.append(len(looked_at))
            await asyncio.sleep(0)

    class Counted(dict[StreamId, int]):
        def get(self, key: StreamId, default: int = 0) -> int:  # type: ignore[override]
            looked_at.append(key)
            return default

    lobby.viewers = Counted()
    await asyncio.gather(others(), lobby.answer())
    assert {0, SLICE, 2 * SLICE, 3 * SLICE} <= set(turns)


async def test_names_for_us_have_pages_of_their_own_and_not_without_end(lobby: Lobby) -> None:
    await lobby.stream()
    for number in range(PAGES_REMEMBERED + 5):
        page = json.loads((await lobby.answer(Host=f"h{number}.local"))[2])
        assert page["streams"][0]["watch_url"].startswith(f"http://h{number}.local:8080/")
