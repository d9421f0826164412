"""The client against the real server, and against a small double where the answer has to be wrong or slow."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.web_request import BaseRequest

from control_plane.streams.media import (
    MediaServer,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    SourceId,
)
from control_plane.streams.media_api import api_authorization
from mediamtx.client import KINDS, MediaMTXClient
from tests.mediamtx.rig import STREAM_KEY, Rig, publishing, until

PATH = PathName("live/7")
NOBODY = SourceId("00000000-0000-4000-8000-000000000000")


async def test_a_publisher_is_listed_looked_up_and_kicked(rig: Rig) -> None:
    client: MediaServer = rig.client
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    assert list(await client.list_paths()) == []
    assert await client.get_path(PATH) is None
    async with publishing(rig.publish_url(PATH)) as ffmpeg:
        await until(lambda: rig.listener.heard("online"))
        listed = await client.list_paths()
        assert [path.name for path in listed] == [PATH]
        path = await client.get_path(PATH)
        assert path is not None
        assert path.online
        assert path.online_at is not None
        assert before < path.online_at < dt.datetime.now(dt.UTC)
        assert path.online_at.tzinfo is dt.UTC
        assert path.tracks == ("H264", "MPEG-4 Audio")
        assert path.inbound_bytes > 0
        assert path.readers == 0
        source = path.source
        assert source == MediaSource("rtmpConn", SourceId(rig.listener.asked[0]["id"]))
        assert source is not None

        connection = await client.get_connection(source)
        assert connection is not None
        assert connection.source == source
        assert connection.protocol == "rtmp"
        assert connection.remote_address.startswith("127.0.0.1:")
        assert before < connection.created_at <= path.online_at
        assert connection.inbound_bytes > 0
        assert STREAM_KEY not in repr((listed, path, connection))

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


async def test_a_source_that_is_no_connection_can_neither_be_looked_up_nor_kicked(rig: Rig) -> None:
    source = MediaSource("rtmpSource", SourceId(""))
    assert await rig.client.get_connection(source) is None
    with pytest.raises(MediaServerUnavailable, match="rtmpSource"):
        await rig.client.kick(source)


async def test_the_real_server_gives_more_than_a_hundred_paths_in_one_page(rig: Rig) -> None:
    """What `list_paths` relies on: paths with a configuration entry exist as soon as they are configured."""
    names = [f"extra/{number:03}" for number in range(130)]
    async with ClientSession(headers=api_authorization(rig.config.api_password)) as session:
        for name in names:
            url = f"{rig.config.api_url}/v3/config/paths/add/{name}"
            async with session.post(url, json={}) as response:
                assert response.status == 200
        listed = await rig.client.list_paths()
    assert {path.name for path in listed} >= set(names[:-1])


async def test_a_server_that_is_not_there_is_unavailable(rig: Rig) -> None:
    await rig.process.stop()
    with pytest.raises(MediaServerUnavailable, match="cannot be reached"):
        await rig.client.info()


# ── the double ──

Answer = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[MediaMTXClient]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A client of a server that answers so."""
    closing: list[Callable[[], Awaitable[Any]]] = []

    async def start(answer: Answer) -> MediaMTXClient:
        runner = web.ServerRunner(web.Server(answer, handler_cancellation=True))
        await runner.setup()
        closing.append(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = await MediaMTXClient(
            f"http://127.0.0.1:{runner.addresses[0][1]}", "password", deadline_s=0.5
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
    """As the real server pages: sorted, cut from the list of this moment (internal/api/paginate.go)."""
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
    names = [f"live/{number:05}" for number in range(2500)]

    async def answer(request: BaseRequest) -> web.StreamResponse:
        return paged(request, names)

    assert [path.name for path in await (await serve(answer)).list_paths()] == names


async def test_a_listing_is_of_one_moment_though_paths_come_and_go(serve: Serve) -> None:
    """Between any two requests the first path goes and another comes: the counts agree, pages do not."""
    names = [f"live/{number:05}" for number in range(1500)]
    moments: list[list[str]] = []

    async def answer(request: BaseRequest) -> web.StreamResponse:
        names.pop(0)
        names.append(f"live/9{len(moments):04}")
        moments.append(sorted(names))
        return paged(request, names)

    assert [path.name for path in await (await serve(answer)).list_paths()] == moments[-1]


async def test_a_listing_that_never_comes_whole_is_unavailable(serve: Serve) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.json_response({"itemCount": 3, "pageCount": 2, "items": [path_item("live/1")]})

    with pytest.raises(MediaServerUnavailable, match="as a whole"):
        await (await serve(answer)).list_paths()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"itemCount": 1}',
        b'{"itemCount": 0, "pageCount": 0, "items": null}',
        b"\xff",
        json.dumps({"itemCount": 1, "pageCount": 1, "items": [path_item("live/1", online="yes")]}).encode(),
        json.dumps({"itemCount": 1, "pageCount": 1, "items": [path_item("live/1", onlineTime="soon")]}).encode(),
    ],
)
async def test_garbage_is_unavailable(serve: Serve, body: bytes) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        return web.Response(body=body)

    with pytest.raises(MediaServerUnavailable, match="cannot be read"):
        await (await serve(answer)).list_paths()


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
        await (await serve(answer)).list_paths()


async def test_a_server_that_hangs_is_unavailable_at_the_deadline(serve: Serve) -> None:
    async def answer(_request: BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    client = await serve(answer)
    with pytest.raises(MediaServerUnavailable, match=r"within 0\.5 s"):
        await asyncio.wait_for(client.info(), 2)


async def test_a_body_that_never_ends_is_unavailable_at_the_deadline(serve: Serve) -> None:
    async def answer(request: BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"version": ')
        await asyncio.Event().wait()
        return response

    client = await serve(answer)
    with pytest.raises(MediaServerUnavailable, match=r"within 0\.5 s"):
        await asyncio.wait_for(client.info(), 2)


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
