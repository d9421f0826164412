"""Answers of the hooks listener to the exact bytes that MediaMTX v1.20.1 sends."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from control_plane.base.signing import Keyring, Secret
from control_plane.observe.metrics import Metrics
from control_plane.streams.access import AccessRequest, Action, Verdict
from control_plane.streams.media.api_password import api_password
from control_plane.streams.media.model import PathName
from control_plane.streams.media.reconciler import Hint
from hooks.listener import LARGEST_BODY, LOGGED_PER_S, USER, HooksListener
from hooks.metrics import HookMetrics
from hooks.until_loaded import UntilLoaded

NEW, OLD = Secret("n", b"n" * 32), Secret("o", b"o" * 32)
KEY = "aTheKeyOfTheStreamWhichNobodyElseMayEverSee1"
RTMP_PUBLISH = {
    "user": "",
    "password": "",
    "token": KEY,
    "ip": "192.0.2.7",
    "action": "publish",
    "path": "live/7",
    "protocol": "rtmp",
    "id": "4f1c2d9e-0000-4000-8000-000000000001",
    "query": f"token={KEY}",
    "userAgent": "FMLE/3.0 (compatible; FMSc/1.0)",
}
HLS_PAGE = {**RTMP_PUBLISH, "token": "", "action": "read", "protocol": "hls", "id": None, "query": "", "userAgent": ""}
ONLINE = {"event": "online", "path": "live/7", "source_type": "rtmpConn", "source_id": "s1"}


def basic(user: str, secret: Secret) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret.value.hex()}".encode()).decode()


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


@dataclass
class Listener:
    port: int = 0
    verdict: Verdict = Verdict.ALLOW
    asked: list[AccessRequest] = field(default_factory=list)
    hinted: list[Hint] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    async def decide(self, request: AccessRequest) -> Verdict:
        self.asked.append(request)
        return self.verdict

    async def send(self, request: bytes) -> tuple[int, str]:
        """Send over a connection of its own, as MediaMTX does."""
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(request)
                answer = await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body.decode()

    async def post(self, path: str, body: Any, authorization: str | None = basic(USER, NEW)) -> tuple[int, str]:
        """A request as Go's HTTP client writes it."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = [
            f"POST {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            "User-Agent: Go-http-client/1.1",
            f"Content-Length: {len(content)}",
            "Content-Type: application/json",
            "Connection: close",
            *([f"Authorization: {authorization}"] if authorization is not None else []),
        ]
        return await self.send("\r\n".join([*head, "", ""]).encode("latin-1") + content)

    async def auth(self, call: Any) -> tuple[int, str]:
        return await self.post("/hooks/auth", call)

    def decided(self) -> dict[tuple[str, str], float]:
        (family,) = [f for f in self.metrics.registry.collect() if f.name == "stagedoor_auth_decisions"]
        return {
            (sample.labels["action"], sample.labels["verdict"]): sample.value
            for sample in family.samples
            if sample.name.endswith("_total")
        }

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    rig = Listener()
    hooks = HooksListener(Keyring((NEW, OLD)), rig.decide, rig.hinted.append, HookMetrics(rig.metrics))
    runner = web.ServerRunner(web.Server(hooks.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    rig.port = runner.addresses[0][1]
    yield rig
    await runner.cleanup()


# ── decisions ──


async def test_a_publisher_is_let_in(listener: Listener) -> None:
    assert await listener.auth(RTMP_PUBLISH) == (204, "")
    assert listener.asked == [AccessRequest(Action.PUBLISH, "live/7", (KEY,), RTMP_PUBLISH["id"], "rtmp")]  # type: ignore[arg-type]


async def test_a_reader_is_let_in(listener: Listener) -> None:
    assert await listener.auth(HLS_PAGE) == (204, "")
    assert listener.asked == [AccessRequest(Action.READ, "live/7", (), None, "hls")]  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.ALLOW])
async def test_a_refusal_is_401_and_a_short_reason(listener: Listener, verdict: Verdict) -> None:
    listener.verdict = verdict
    assert await listener.auth(RTMP_PUBLISH) == (401, verdict.value)


@pytest.mark.parametrize("action", ["playback", "metrics", "pprof", "", "PUBLISH", "x" * 1000])
async def test_every_other_action_is_refused_without_asking(listener: Listener, action: str) -> None:
    assert await listener.auth({**HLS_PAGE, "action": action, "path": "", "protocol": ""}) == (401, "not_ours")
    assert listener.asked == []
    assert listener.decided() == {("other", "not_ours"): 1}


API_CALL = {**HLS_PAGE, "user": "stagedoor", "action": "api", "path": "", "protocol": ""}


@pytest.mark.parametrize("secret", [NEW, OLD])
async def test_the_control_api_accepts_the_password_of_any_hook_secret(listener: Listener, secret: Secret) -> None:
    assert await listener.auth({**API_CALL, "password": api_password(secret.value.hex())}) == (204, "")
    assert listener.asked == []


@pytest.mark.parametrize(
    ("offered", "why"),
    [
        ({}, "key_missing"),
        ({"password": "x"}, "key_wrong"),
        ({"password": "\N{SNOWMAN}" * 64}, "key_wrong"),
        ({"password": NEW.value.hex()}, "key_wrong"),
        ({"password": api_password(NEW.value.hex()) + " "}, "key_wrong"),
        ({"token": api_password(NEW.value.hex())}, "key_missing"),
        ({"query": f"token={api_password(NEW.value.hex())}"}, "key_missing"),
    ],
)
async def test_the_control_api_refuses_every_other_password(
    listener: Listener, offered: dict[str, str], why: str
) -> None:
    assert await listener.auth({**API_CALL, **offered}) == (401, why)
    assert listener.asked == []
    assert listener.decided() == {("api", why): 1}


async def test_until_the_streams_are_loaded_a_publisher_waits_and_the_control_api_does_not() -> None:
    rig, streams = Listener(), UntilLoaded()
    hooks = HooksListener(Keyring((NEW,)), streams.decide, streams.hint, HookMetrics(rig.metrics))
    runner = web.ServerRunner(web.Server(hooks.handle))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    rig.port = runner.addresses[0][1]
    try:
        publisher = asyncio.create_task(rig.auth(RTMP_PUBLISH))
        assert await rig.auth({**API_CALL, "password": api_password(NEW.value.hex())}) == (204, "")
        assert await rig.post("/hooks/event", ONLINE) == (204, "")
        assert not publisher.done()
        streams.loaded(rig.decide, rig.hinted.append)
        assert await publisher == (204, "")
        assert await rig.post("/hooks/event", ONLINE) == (204, "")
        assert len(rig.hinted) == 1
    finally:
        await runner.cleanup()


async def test_streams_that_are_not_loaded_in_time_admit_no_publisher() -> None:
    rig, streams = Listener(), UntilLoaded(wait_s=0.05)
    assert await streams.decide(AccessRequest(Action.PUBLISH, PathName("live/7"), (KEY,))) is Verdict.DATABASE_AWAY
    assert rig.asked == []


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({"token": KEY, "query": f"token={KEY}"}, (KEY,)),  # RTMP, RTSP: MediaMTX takes it out of the query
        ({"token": KEY, "password": "other", "query": "token=third"}, (KEY, "other", "third")),
        ({"token": KEY, "password": KEY, "user": "u", "query": ""}, (KEY,)),  # SRT: its streamid's password
        ({"token": "", "password": KEY, "query": ""}, (KEY,)),
        ({"token": "", "query": f"token={KEY}"}, (KEY,)),  # HLS, WebRTC: only the raw query has it
        ({"token": "a session's", "query": f"token={KEY}"}, ("a session's", KEY)),  # WHIP: a client's own Authorization
        ({"token": "", "user": "x", "password": "y", "query": f"token={KEY}"}, ("y", KEY)),
        ({"token": "", "query": f"a=1&token={KEY}&b=2"}, (KEY,)),
        ({"token": "", "query": "token=a%2Fb"}, ("a/b",)),
        ({"token": "", "query": f"token={KEY}&token={KEY}"}, ()),
        ({"token": "", "query": f"token={KEY}&token=other"}, ()),
        ({"token": "", "query": "token="}, ()),
        ({"token": "", "query": "xtoken=a"}, ()),
        ({"token": "", "query": "jwt=a"}, ()),
        ({"token": "", "query": ""}, ()),
        ({"token": "", "query": "&".join(f"a{n}=1" for n in range(30)) + f"&token={KEY}"}, ()),
        ({"token": "", "query": "%zz&token=%ff"}, ("\ufffd",)),
    ],
)
async def test_the_key_is_taken_from_where_the_protocol_puts_it(
    listener: Listener, changes: dict[str, str], keys: tuple[str, ...]
) -> None:
    await listener.auth({**RTMP_PUBLISH, "password": "", **changes})
    assert [request.keys for request in listener.asked] == [keys]


async def test_fields_of_later_releases_are_ignored_and_missing_ones_empty(listener: Listener) -> None:
    assert await listener.auth({**RTMP_PUBLISH, "new": {"a": [1]}}) == (204, "")
    assert await listener.auth({"action": "read", "path": "live/7"}) == (204, "")
    assert [request.keys for request in listener.asked] == [(KEY,), ()]


@pytest.mark.parametrize("id_", [None, "", "x" * 65])
async def test_an_id_that_names_no_connection_is_none(listener: Listener, id_: str | None) -> None:
    assert await listener.auth({**RTMP_PUBLISH, "id": id_}) == (204, "")
    assert [request.source_id for request in listener.asked] == [None]


# ── events ──


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (ONLINE, Hint("live/7", True, "s1")),  # type: ignore[arg-type]
        ({**ONLINE, "event": "offline"}, Hint("live/7", False, "s1")),  # type: ignore[arg-type]
        ({"event": "offline", "path": "live/7"}, Hint("live/7", False, None)),  # type: ignore[arg-type]
    ],
)
async def test_an_event_is_a_hint(listener: Listener, body: dict[str, str], hint: Hint) -> None:
    assert await listener.post("/hooks/event", body) == (204, "")
    assert listener.hinted == [hint]
    assert listener.counted("stagedoor_hook_events_total", event=body["event"]) == 1


@pytest.mark.parametrize("event", ["", "ready", "ONLINE", "x" * 1000])
async def test_an_unknown_event_is_no_hint(listener: Listener, event: str) -> None:
    assert await listener.post("/hooks/event", {**ONLINE, "event": event}) == (400, "unknown_event")
    assert listener.hinted == []
    assert listener.counted("stagedoor_hook_events_total", event=event) is None, "labels come from a closed set"


# ── who may call ──


@pytest.mark.parametrize("path", ["/hooks/auth", "/hooks/event", "/"])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        basic(USER, Secret("x", b"x" * 32)),
        basic("somebody", NEW),
        basic(USER, NEW)[:-1],
        basic(USER, NEW).replace("Basic", "basic "),
        "Bearer " + NEW.value.hex(),
        "\xff\xfe",
        "é",
    ],
)
async def test_without_the_hook_secret_nothing_is_done(
    listener: Listener, path: str, authorization: str | None
) -> None:
    for body in (RTMP_PUBLISH, ONLINE, b"{"):
        assert await listener.post(path, body, authorization) == (401, "hook_secret_wrong")
    assert (listener.asked, listener.hinted, listener.decided()) == ([], [], {})


async def test_the_secret_before_the_rotation_is_still_taken(listener: Listener) -> None:
    assert await listener.post("/hooks/auth", RTMP_PUBLISH, basic(USER, OLD)) == (204, "")


# ── bodies ──


@pytest.mark.parametrize("path", ["/hooks/auth", "/hooks/event"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"publish"',
        b"\xff\xfe",
        b'{"action": "publish", "event": "online", "path": "\xff"}',
        b'{"action": "publish", "event": "online", "path": "\\ud800"}',
        {},
        without(RTMP_PUBLISH, "path"),
        without(without(RTMP_PUBLISH, "action"), "event"),
        {**RTMP_PUBLISH, **ONLINE, "path": 7},
        {**RTMP_PUBLISH, **ONLINE, "path": None},
        {**RTMP_PUBLISH, **ONLINE, "action": ["publish"], "event": {}},
        b'{"action": "publish", "event": "online", "path": "live/7", "new": ' + b"[" * 8000 + b"]" * 8000 + b"}",
    ],
)
async def test_a_malformed_body_is_refused(listener: Listener, path: str, body: Any) -> None:
    assert await listener.post(path, body) == (400, "malformed")
    assert (listener.asked, listener.hinted, listener.decided()) == ([], [], {})


async def test_a_body_up_to_the_limit_is_read(listener: Listener) -> None:
    body = json.dumps(RTMP_PUBLISH).encode()
    assert await listener.auth(body.ljust(LARGEST_BODY)) == (204, "")
    assert await listener.auth(body.ljust(LARGEST_BODY + 1)) == (400, "malformed")
    assert len(listener.asked) == 1


async def test_a_body_of_unknown_length_is_not_read_without_end(listener: Listener) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = f"POST /hooks/auth HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(USER, NEW)}\r\n"
    head += "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, _ = await listener.send(head.encode() + chunk * 17 + b"0\r\n\r\n")
    assert status == 413
    assert listener.asked == []


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/", (404, "unknown_hook")),
        ("/hooks", (404, "unknown_hook")),
        ("/hooks/auth/", (404, "unknown_hook")),
        ("/hooks/authx", (404, "unknown_hook")),
        ("/hooks/auth?a=b", (204, "")),
    ],
)
async def test_there_are_two_hooks(listener: Listener, path: str, answer: tuple[int, str]) -> None:
    assert await listener.post(path, RTMP_PUBLISH) == answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_hooks_are_posted(listener: Listener, method: str) -> None:
    head = f"{method} /hooks/auth HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(USER, NEW)}\r\nConnection: close\r\n\r\n"
    status, _ = await listener.send(head.encode())
    assert status == 400
    assert listener.asked == []


# ── what is told about it ──


async def test_a_refusal_is_logged_without_the_key(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    listener.verdict = Verdict.KEY_WRONG
    await listener.auth({**RTMP_PUBLISH, "password": KEY, "path": "live/2147483647-opus" + "/x" * 200})
    (record,) = caplog.records
    assert (record.levelno, record.message) == (logging.WARNING, "access_refused")
    told = {name: vars(record)[name] for name in ("action", "path", "protocol", "why")}
    path = ("live/2147483647-opus" + "/x" * 200)[:80]
    assert told == {"action": "publish", "path": path, "protocol": "rtmp", "why": "key_wrong"}
    assert KEY not in str(vars(record))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"live/7/{KEY}", "live/7/***"),
        (KEY, "***"),
        (f"{KEY}/live/7", "***/live/7"),
        (f"live/7.{KEY[:17]}", "live/7.***"),
        (f"live/7?token={KEY}", "live/***"),
        (f"{'live/7/' * 10}{KEY}", f"{'live/7/' * 10}***"),
        ("live//7", "live//7"),
    ],
)
async def test_a_key_in_the_path_is_masked_in_the_log(
    listener: Listener, caplog: pytest.LogCaptureFixture, path: str, shown: str
) -> None:
    listener.verdict = Verdict.UNKNOWN_STREAM
    await listener.auth({**RTMP_PUBLISH, "path": path})
    (record,) = caplog.records
    assert vars(record)["path"] == shown


async def test_who_is_let_in_is_not_logged(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    await listener.auth(RTMP_PUBLISH)
    await listener.post("/hooks/event", ONLINE)
    assert caplog.records == []


async def test_no_answer_and_no_line_holds_a_secret(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [await listener.auth(RTMP_PUBLISH)]
    listener.verdict = Verdict.KEY_WRONG
    answers += [await listener.auth(RTMP_PUBLISH), await listener.auth(json.dumps(RTMP_PUBLISH).encode()[:-1])]
    answers.append(await listener.post("/hooks/auth", RTMP_PUBLISH, basic(USER, OLD)[:-4]))
    told = f"{answers} {[vars(record) for record in caplog.records]}"
    for secret in (KEY, NEW.value.hex(), OLD.value.hex(), basic(USER, NEW), basic(USER, OLD)):
        assert secret not in told


async def test_a_flood_of_refusals_does_not_become_a_flood_of_lines(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    listener.verdict = Verdict.UNKNOWN_STREAM
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(10):
        answers = await asyncio.gather(*(listener.auth(RTMP_PUBLISH) for _ in range(30)))
        assert set(answers) == {(401, "unknown_stream")}
    took_s = loop.time() - started
    assert LOGGED_PER_S <= len(caplog.records) <= LOGGED_PER_S * (1 + took_s)
    times = [record.created for record in caplog.records]
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[LOGGED_PER_S:], strict=False))
    assert listener.decided() == {("publish", "unknown_stream"): 300}, "all are counted"


async def test_refused_readers_do_not_crowd_out_the_line_about_a_publisher(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    listener.verdict = Verdict.UNKNOWN_STREAM
    await asyncio.gather(
        *(listener.auth(HLS_PAGE) for _ in range(LOGGED_PER_S)), *(listener.auth(API_CALL) for _ in range(30))
    )
    await listener.auth(RTMP_PUBLISH)
    assert [vars(record)["action"] for record in caplog.records].count("publish") == 1


async def test_decisions_are_counted_by_their_reason_and_timed(listener: Listener) -> None:
    await listener.auth(RTMP_PUBLISH)
    await listener.auth(HLS_PAGE)
    await listener.auth(HLS_PAGE)
    listener.verdict = Verdict.KEY_WRONG
    await listener.auth(RTMP_PUBLISH)
    await listener.auth({**HLS_PAGE, "action": "pprof"})
    assert listener.decided() == {
        ("publish", "allow"): 1,
        ("read", "allow"): 2,
        ("publish", "key_wrong"): 1,
        ("other", "not_ours"): 1,
    }
    assert listener.counted("stagedoor_auth_seconds_count") == 5
