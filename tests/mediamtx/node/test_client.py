"""The client with the real server, and with a small double for wrong or slow answers."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.web_request import BaseRequest

from control_plane.streams.media.api_password import api_authorization
from control_plane.streams.media.model import (
    Admitted,
    MediaPath,
    MediaServer,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    SourceId,
)
from mediamtx.node.client import ITEMS_PER_PAGE, KINDS, MediaMTXClient
from tests.end_to_end import rtmp
from tests.mediamtx.rig import STREAM_KEY, Rig, publishing
from tests.waiting import until

PATH = PathName("live/7")
LISTING_S = 1.0
NOBODY = SourceId("00000000-0000-4000-8000-000000000000")


async def test_a_publisher_is_listed_looked_up_and_kicked(rig: Rig) -> None:
    client: MediaServer = rig.client
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    assert await listed(client) == []
    assert await client.get_path(PATH) is None
    async with publishing(rig.publish_url(PATH)) as ffmpeg:
        await until(lambda: rig.listener.heard("online"))
        found = await listed(client)
        assert [path.name for path in found] == [PATH]
        path = await client.get_path(PATH)
        assert path is not None
        assert path.online
        assert path.inbound_bytes > 0
        assert path.size == (160, 120)
        source = path.source
        assert source == MediaSource("rtmpConn", SourceId(rig.listener.asked[0]["id"]))
        assert source is not None

        connection = await client.get_connection(source)
        assert connection is not None
        assert connection.source == source
        assert connection.protocol == "rtmp"
        assert connection.remote_address.startswith("127.0.0.1:")
        assert before < connection.created_at < dt.datetime.now(dt.UTC)
        assert connection.created_at.tzinfo is dt.UTC
        assert connection.inbound_bytes > 0
        assert STREAM_KEY not in repr((found, path, connection))

        assert await client.kick(source)
        await asyncio.wait_for(ffmpeg.wait(), 10)
        await until(lambda: rig.listener.heard("offline"))
    assert not await client.kick(source)
    assert await client.get_connection(source) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_of_every_kind_one_that_is_not_there_is_none(rig: Rig, kind: str) -> None:
    source = MediaSource(kind, NOBODY)
    assert await rig.client.get_connection(source) is None
    assert await rig.client.kick(source) is False


async def test_a_connection_that_was_admitted_and_sends_no_media_is_kicked_by_its_protocol(rig: Rig) -> None:
    async with rtmp.publishing("127.0.0.1", rig.config.rtmp_port) as connection:
        await connection.ask(b"live", f"7?token={STREAM_KEY}".encode())
        assert connection.admitted
        assert await listed(rig.client) == []
        admitted = Admitted(SourceId(rig.listener.asked[-1]["id"]), rig.listener.asked[-1]["protocol"], 1)
        assert await rig.client.kick_admitted(dataclasses.replace(admitted, protocol="srt")) is False
        assert await rig.client.kick_admitted(admitted) is True
        async with asyncio.timeout(5):  # shorter than MediaMTX's read timeout
            await connection.closed_while_silent()
    assert await rig.client.kick_admitted(admitted) is False


async def test_a_source_that_is_no_connection_can_neither_be_looked_up_nor_kicked(rig: Rig) -> None:
    source = MediaSource("rtmpSource", SourceId(""))
    assert await rig.client.get_connection(source) is None
    with pytest.raises(MediaServerUnavailable, match="rtmpSource"):
        await rig.client.kick(source)


async def listed(client: MediaServer) -> list[MediaPath]:
    return [path async for page in client.list_paths() for path in page]


async def test_the_real_server_lists_its_paths_page_by_page(rig: Rig) -> None:
    """Paths with a configuration entry exist as soon as they are configured."""
    names = [f"extra/{number:03}" for number in range(130)]
    async with ClientSession(headers=api_authorization(rig.config.api_password)) as session:
        for name in names:
            url = f"{rig.config.api_url}/v3/config/paths/add/{name}"
            async with session.post(url, json={}) as response:
                assert response.status == 200
    async with MediaMTXClient(rig.config.api_url, rig.config.api_password, items_per_page=25) as client:
        await until_listed(client, names)
        pages = [len(page) async for page in client.list_paths()]
        assert pages == [25, 25, 25, 25, 25, 5]
        assert [path.name for path in await listed(client)] == names
    assert [path.name for path in await listed(rig.client)] == names


async def until_listed(client: MediaServer, names: list[str]) -> None:
    """Wait until added paths are listed: the server answers before it applies a change of its configuration."""

    async def are_listed() -> bool:
        return len(await listed(client)) >= len(names)

    await until(are_listed)


async def test_a_server_that_is_not_there_is_unavailable(rig: Rig) -> None:
    await rig.process.stop()
    with pytest.raises(MediaServerUnavailable, match="cannot be reached"):
        await rig.client.info()


# ── the double ──

Answer = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[MediaMTXClient]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A client of a server with these answers."""
    closing: list[Callable[[], Awaitable[Any]]] = []

    async def start(answer: Answer) -> MediaMTXClient:
        runner = web.ServerRunner(web.Server(answer, handler_cancellation=True))
        await runner.setup()
        closing.append(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = await MediaMTXClient(
            f"http://127.0.0.1:{runner.addresses[0][1]}", "password", deadline_s=0.5, listing_s=LISTING_S
        ).__aenter__()
        closing.append(lambda: client.__aexit__(None, None, None))
        return client

    yield start
    for close in reversed(closing):
        await close()


def path_item(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "confName": "c",
        "online": False,
        "onlineTime": None,
        "source": None,
        "tracks2": [],
        "readers": [],
        "inboundBytes": 0,
        "query": "token=secret",
    } | changes


async def test_what_an_encoder_says_of_itself_comes_as_a_database_can_hold_it(serve: Serve) -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        said = {"created": "2026-01-31T12:00:00Z", "remoteAddr": "10.0.0.1:5000", "userAgent": "La\0f" + "x" * 9999}
        return web.json_response(said)

    client = await serve(answer)
    connection = await client.get_connection(MediaSource("rtmpConn", NOBODY))
    assert connection is not None
    assert connection.user_agent == "Laf" + "x" * 497
    assert connection.remote_address == "10.0.0.1:5000"


def paged(request: BaseRequest, names: list[str]) -> web.Response:
    """Pages like the real server's: sorted, cut from the current list (internal/api/paginate.go)."""
    per_page, page = int(request.query.get("itemsPerPage", "100")), int(request.query.get("page", "0"))
    items = [path_item(name) for name in sorted(names)]
    return web.json_response(
        {
            "itemCount": len(items),
            "pageCount": -(-len(items) // per_page),
            "items": items[page * per_page : (page + 1) * per_page],
        }
    )


async def test_more_paths_than_fit_a_page_are_all_listed(serve: Serve) -> None:
    names = [f"live/{number:05}" for number in range(2 * ITEMS_PER_PAGE + 1)]
    asked: list[str] = []

    async def answer(request: BaseRequest) -> web.StreamResponse:
        asked.append(request.query_string)
        return paged(request, names)

    client = await serve(answer)
    assert [path.name for path in await listed(client)] == names
    assert asked == [f"itemsPerPage={ITEMS_PER_PAGE}&page={page}" for page in range(3)]
    names[:] = [f"live/{number:05}" for number in range(ITEMS_PER_PAGE)]
    assert [path.name for path in await listed(client)] == names
    assert len(asked) == 4


async def test_a_listing_ends_though_the_server_has_fewer_pages_than_it_said(serve: Serve) -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        items = [path_item("live/1")] if request.query["page"] == "0" else []
        return web.json_response({"itemCount": 3, "pageCount": 3, "items": items})

    assert [path.name for path in await listed(await serve(answer))] == ["live/1"]


async def test_a_page_that_is_late_makes_the_listing_unavailable_and_has_a_deadline_of_its_own(serve: Serve) -> None:
    names = [f"live/{number:05}" for number in range(2 * ITEMS_PER_PAGE)]
    pages: list[int] = []

    async def answer(request: BaseRequest) -> web.StreamResponse:
        if request.query["page"] != "0":
            await asyncio.Event().wait()
        return paged(request, names)

    async def read() -> None:
        async for page in client.list_paths():
            pages.append(len(page))
            await asyncio.sleep(LISTING_S + 0.1)  # longer than a deadline: what is done with a page does not count

    client = await serve(answer)
    with pytest.raises(MediaServerUnavailable, match=r"within 1 s"):
        await read()
    assert pages == [ITEMS_PER_PAGE]


async def test_what_viewers_there_are_is_not_read(serve: Serve) -> None:
    """A path has an entry for each of its viewers: thousands."""

    async def answer(request: BaseRequest) -> web.StreamResponse:
        return web.json_response({"itemCount": 1, "pageCount": 1, "items": [path_item("live/1", readers="not read")]})

    assert [path.name for path in await listed(await serve(answer))] == ["live/1"]


@pytest.mark.parametrize(
    ("tracks", "size"),
    [
        ([], None),
        ([{"codec": "Opus", "codecProps": {"channelCount": 2}}], None),
        ([{"codec": "VP8", "codecProps": None}], None),
        ([{"codec": "H264", "codecProps": {"width": 0, "height": 0, "profile": "", "level": ""}}], None),
        (
            [
                {"codec": "MPEG-4 Audio", "codecProps": {"sampleRate": 48000, "channelCount": 2}},
                {"codec": "H265", "codecProps": {"width": 720, "height": 1280, "profile": "Main", "level": "3.1"}},
            ],
            (720, 1280),
        ),
    ],
)
async def test_the_size_of_the_picture_is_that_of_the_first_track_that_says_one(
    serve: Serve, tracks: list[Any], size: tuple[int, int] | None
) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.json_response(path_item("live/1", tracks2=tracks))

    path = await (await serve(answer)).get_path(PathName("live/1"))
    assert path is not None
    assert path.size == size


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"itemCount": 1}',
        b'{"itemCount": 0, "pageCount": 0, "items": null}',
        b"\xff",
        json.dumps({"itemCount": 1, "pageCount": 1, "items": [path_item("live/1", online="yes")]}).encode(),
        json.dumps({"itemCount": 1, "pageCount": 1, "items": [path_item("live/1", tracks2=None)]}).encode(),
    ],
)
async def test_garbage_is_unavailable(serve: Serve, body: bytes) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.Response(body=body)

    with pytest.raises(MediaServerUnavailable, match="cannot be read"):
        await listed(await serve(answer))


@pytest.mark.parametrize("status", [204, 302, 401, 400, 500])
async def test_any_other_status_is_unavailable(serve: Serve, status: int) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    client = await serve(answer)
    with pytest.raises(MediaServerUnavailable, match=str(status)):
        await client.get_path(PATH)
    with pytest.raises(MediaServerUnavailable, match=str(status)):
        await client.kick(MediaSource("rtmpConn", NOBODY))


async def test_a_listing_that_is_not_found_is_unavailable_not_empty(serve: Serve) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.Response(status=404)

    with pytest.raises(MediaServerUnavailable, match="does not know"):
        await listed(await serve(answer))


async def test_a_server_that_hangs_is_unavailable_at_the_deadline(serve: Serve) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    client = await serve(answer)
    with pytest.raises(MediaServerUnavailable, match=r"within 0\.5 s"):
        await asyncio.wait_for(client.info(), 10)


async def test_a_body_that_never_ends_is_unavailable_at_the_deadline(serve: Serve) -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"version": ')
        await asyncio.Event().wait()
        return response

    client = await serve(answer)
    with pytest.raises(MediaServerUnavailable, match=r"within 0\.5 s"):
        await asyncio.wait_for(client.info(), 10)


async def test_times_are_read_to_the_microsecond_and_kept_in_utc(serve: Serve) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.json_response({"version": "v1.20.1", "started": "2026-01-31T14:00:00.123456789+02:00"})

    info = await (await serve(answer)).info()
    assert info.started_at == dt.datetime(2026, 1, 31, 12, 0, 0, 123457, tzinfo=dt.UTC)
    assert info.started_at.tzinfo is dt.UTC


async def test_unusual_names_and_ids_stay_one_part_of_the_address(serve: Serve) -> None:
    called: list[str] = []

    async def answer(request: BaseRequest) -> web.StreamResponse:
        called.append(request.raw_path)
        return web.Response(status=404)

    client = await serve(answer)
    await client.get_path(PathName("live/7 ?x=1#y"))
    await client.get_connection(MediaSource("srtConn", SourceId("../kick/1?")))
    assert called == ["/v3/paths/get/live/7%20%3Fx%3D1%23y", "/v3/srtconns/get/..%2Fkick%2F1%3F"]


async def test_connections_are_kept_between_calls(serve: Serve) -> None:
    peers = set()

    async def answer(request: BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(status=404)

    client = await serve(answer)
    for _ in range(3):
        await client.get_path(PATH)
    assert len(peers) == 1
