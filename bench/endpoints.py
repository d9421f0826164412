"""Benchmark of each endpoint of the contract against a plain aiohttp + asyncpg handler with SQL of its own (`plain.py`).

Both servers are pinned to one core and use the same PostgreSQL; callers and PostgreSQL share the other core.
Connections are kept alive, as by the apps.
"""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.load import Callers, Load, Measured, callers, post
from bench.platform import Platform, platform
from bench.processes import OTHER_CORES, SERVER_CORES, child, pin
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import UserId
from control_plane.config.secrets import Purpose
from control_plane.ledger.adjustments import adjust
from control_plane.payments.packages import COIN_PACKAGES, CURRENCY
from control_plane.payments.sale import Product
from control_plane.payments.stores.sandbox import SandboxReceipts

PEOPLE = 64
CALLERS = (1, 16)
COINS = 1_000_000
AGAINST_PLAIN = Target(1.5)
CATALOGUE = Target(1.0)
"""What everybody asks for at every start: both sides have it in memory."""
LARGEST_PER_S = 12_000
"""Requests prepared per second for cases whose requests may be sent only once. Smaller than a server's calls/s: the
callers run out of requests."""


AS_UPLOADED = """
    update video_content set media = 'private/aa/' || id || '.mp4', poster = 'private/aa/' || id || '.jpg',
        preview = 'private/aa/' || id || '.gif'
"""
"""The videos of the demo then have signed addresses, as those that users upload."""

_SIGNED = re.compile(r"http://[^/]*|(?<=/videos/)[0-9]+/[^/]*/")


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    token: str
    name: str


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    endpoint: str
    body: Callable[[Person, int], dict[str, Any]]
    """Makes the request's body for a caller, from a unique number."""
    signed_in: bool = True
    once: bool = False
    reads: bool = False
    """The plain handler answers the same."""
    target: Target = AGAINST_PLAIN


async def run(quick: bool) -> None:
    heading("endpoints", quick)
    rounds, seconds = (1, 0.4) if quick else (5, 0.6)
    async with callers(OTHER_CORES) as calling, platform() as ours:
        ours.pin()
        step(f"{PEOPLE} people, each live and with coins")
        people, stream_of = await populate(ours)
        cases = list(cases_of(ours, people, stream_of))
        answers = await samples(ours, people, cases)
        session = ours.secrets[Purpose.SESSION].signing
        config = {
            "dsn": ours.dsn,
            "base": ours.url(""),
            "answers": answers,
            "session_secret": session.value.hex(),
            "session_key_id": session.key_id,
        }
        async with child("bench.plain", config) as plain:
            pin(plain.pid, SERVER_CORES)
            ours.pin()
            servers = {"ours": (ours.run["http_port"], ours.pid), "plain": (plain.port, plain.pid)}
            await compare(ours, plain.port, people, [case for case in cases if case.reads])
            rows: dict[int, list[list[str]]] = defaultdict(list)
            for case in cases:
                step(case.name)
                measured = await measure(calling, servers, case, people, rounds, seconds)
                for count in CALLERS:
                    rows[count].append(row(case, measured[count, "ours"], measured[count, "plain"]))
    columns = ["endpoint", "calls/s ours", "plain", "plain/ours"]
    columns += ["CPU ours", "plain", "ours/plain", "p99 ours", "plain", "bytes"]
    targets = f"{AGAINST_PLAIN}, catalogues {CATALOGUE}"
    for count in CALLERS:
        callers_ = f"{count} caller{'s' if count > 1 else ''}"
        table(f"Endpoints against plain handlers, {callers_} ({targets})", columns, rows[count])


async def compare(ours: Platform, plain_port: int, people: list[Person], cases: list[Case]) -> None:
    """Raise RuntimeError unless both sides answer the same, apart from the host and the signature in addresses."""
    person = people[3]
    for case in cases:
        answers = []
        for port in (ours.run["http_port"], plain_port):
            url, headers = f"http://127.0.0.1:{port}/api/{case.endpoint}", {"Authorization": f"Bearer {person.token}"}
            async with ours.session.post(url, json=case.body(person, 0), headers=headers) as response:
                answers.append(json.loads(_SIGNED.sub("", await response.text())))
        if answers[0] != answers[1]:
            raise RuntimeError(f"{case.name}: the plain handler answers something else")


async def measure(
    calling: Callers,
    servers: Mapping[str, tuple[int, int]],
    case: Case,
    people: list[Person],
    rounds: int,
    seconds: float,
) -> Mapping[tuple[int, str], list[Measured]]:
    measured: dict[tuple[int, str], list[Measured]] = defaultdict(list)
    numbers = itertools.count()
    for number in range(rounds + 1):
        for count in CALLERS:
            for server, (port, pid) in servers.items():
                length = seconds if number else seconds / 2
                requests = list(
                    requests_of(case, people, numbers, int(LARGEST_PER_S * length) if case.once else len(people))
                )
                load = Load(port, requests, count, length, once=case.once, expect=b'"code":200')
                figures = await calling.measure(load, pid)
                if number:  # the first round warms up
                    measured[count, server].append(figures)
    return measured


def requests_of(case: Case, people: list[Person], numbers: Iterator[int], count: int) -> Iterator[bytes]:
    for person, number in zip(itertools.cycle(people), itertools.islice(numbers, count), strict=False):
        headers = {"Authorization": f"Bearer {person.token}"} if case.signed_in else {}
        body = json.dumps(case.body(person, number), separators=(",", ":")).encode()
        yield post(f"/api/{case.endpoint}", body, User_Agent="okhttp/4.9.3", **headers)


def row(case: Case, ours: list[Measured], plain: list[Measured]) -> list[str]:
    pairs = list(zip(ours, plain, strict=True))
    return [
        case.name,
        *(figure(median(one.answers.per_s for one in each)) for each in (ours, plain)),
        ratio([base.answers.per_s / one.answers.per_s for one, base in pairs], case.target),
        *(figure(median(one.cpu_us for one in each), "µs") for each in (ours, plain)),
        ratio([one.cpu_us / base.cpu_us for one, base in pairs], case.target),
        *(figure(median(one.answers.quantile_ms(0.99) for one in each), "ms") for each in (ours, plain)),
        " / ".join(f"{each[0].answers.answer_bytes:,}" for each in (ours, plain)),
    ]


async def populate(ours: Platform) -> tuple[list[Person], dict[int, int]]:
    """Create the users. Returns them, and their stream ids by user id."""
    people: list[Person] = []
    streams: dict[int, int] = {}
    database = await ours.open_database()
    try:
        for number in range(PEOPLE):
            name = f"person{number}"
            user_id, token = await ours.sign_in(name)
            await adjust(database, UserId(user_id), COINS, key="bench")
            streams[user_id] = (await ours.go_live(token))["id"]
            people.append(Person(user_id, token, name))
        await database.execute(AS_UPLOADED)
    finally:
        await database.close()
    for person, receiver in zip(people, people[1:] + people[:1], strict=True):  # opens each user's account of earnings
        await ours.call("sendGift", person.token, gift_id=1, gift_count=1, receiver_id=receiver.id)
    return people, streams


def cases_of(ours: Platform, people: list[Person], stream_of: Mapping[int, int]) -> Iterator[Case]:
    next_of = {person.id: after for person, after in zip(people, people[1:] + people[:1], strict=True)}
    star = people[0]
    receipts = SandboxReceipts(ours.secrets[Purpose.SANDBOX])
    cheapest = COIN_PACKAGES[0]
    product = Product(cheapest.id, cheapest.product_id, cheapest.title, cheapest.coins, cheapest.price_minor, CURRENCY)

    def gift_to(receiver: Person) -> dict[str, Any]:
        return {
            "gift_id": 1,
            "gift_count": 1,
            "receiver_id": receiver.id,
            "live_streaming_id": stream_of[receiver.id],
            "client_ref": uuid.uuid4().hex,
        }

    def purchase(person: Person) -> dict[str, Any]:
        receipt = receipts.sell(product)
        return {"transaction_id": receipt, "title": product.product_id, "device": "android", "coin": product.coins}

    yield Case("showGifts", "showGifts", lambda person, number: {}, signed_in=False, reads=True, target=CATALOGUE)
    yield Case(
        "showCoinWorth", "showCoinWorth", lambda person, number: {}, signed_in=False, reads=True, target=CATALOGUE
    )
    yield Case(
        "showRelatedVideos",
        "showRelatedVideos",
        lambda person, number: {"starting_point": "0", "device_id": "x"},
        reads=True,
    )
    yield Case("showUserDetail", "showUserDetail", lambda person, number: {"user_id": str(person.id)}, reads=True)
    yield Case(
        "showUserDetail/other",
        "showUserDetail",
        lambda person, number: {"user_id": str(person.id), "other_user_id": next_of[person.id].id},
        reads=True,
    )
    new = uuid.uuid4().hex[:8]
    yield Case(
        "registerUser, new",
        "registerUser",
        lambda person, number: {"auth_token": f"dev:{new}-{number}"},
        False,
        once=True,
    )
    yield Case(
        "watchLiveStream",
        "watchLiveStream",
        lambda person, number: {"live_streaming_id": stream_of[star.id]},
        reads=True,
    )
    yield Case(
        "liveStream, again",
        "liveStream",
        lambda person, number: {"title": f"Show {number}", "started_at": "2026-01-31 12:00:00"},
    )
    yield Case("sendGift, to 64 stars", "sendGift", lambda person, number: gift_to(next_of[person.id]), once=True)
    yield Case(
        "sendGift, to one star",
        "sendGift",
        lambda person, number: gift_to(star if person is not star else people[1]),
        once=True,
    )
    yield Case("purchaseCoin", "purchaseCoin", lambda person, number: purchase(person), once=True)
    # The last case, because its many new sessions end those that the other cases use.
    yield Case(
        "registerUser, known", "registerUser", lambda person, number: {"auth_token": f"dev:{person.name}"}, False
    )


async def samples(ours: Platform, people: list[Person], cases: list[Case]) -> dict[str, Any]:
    """One answer of ours for each endpoint, as the template for the plain handlers."""
    answers: dict[str, Any] = {}
    person = people[-1]
    for case in cases:
        name = case.name if case.name == "showUserDetail/other" else case.endpoint
        token = person.token if case.signed_in else ""
        answers[name] = await ours.call(case.endpoint, token, **case.body(person, -1))
    return answers
