"""Gifts at speed: 64 callers through HTTP against the usual way, and in the process against pgbench.

The usual way (`bench/plain.py`) is a transaction for each gift, with SELECT … FOR UPDATE and SQL of its own, which writes
the same entries, gift, event and totals. pgbench sends the same set-based statement as the product, for 64 gifts over one
connection; the product may have two statements of 24 to 64 gifts on their way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

from bench.load import Answers, Callers, Load, callers, post
from bench.platform import Platform, platform
from bench.processes import child
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import UserId
from control_plane.config.secrets import Purpose
from control_plane.db.embedded.programs import programs_for
from control_plane.ledger.adjustments import adjust

SENDERS = 64
HOSTS = 1000
BATCH = 64
COINS = 10**9
OLD_GIFTS = 2_000_000
LARGEST_PER_S = 6000
"""Requests prepared per second, since each is sent once. Smaller than the calls/s: the callers run out of requests."""
SCRIPTS = 100
"""Scripts of pgbench, each with other receivers."""
AGAINST_PGBENCH = Target(0.8, at_least=True)
MANY_HOSTS = Target(3.0, at_least=True)
ONE_HOST = Target(8.0, at_least=True)
P99 = Target(1.0)
LONE = Target(1.5)
GROWN = Target(1.2)


@dataclass(frozen=True, slots=True)
class Sender:
    id: int
    token: str


@dataclass(frozen=True, slots=True)
class Stage:
    senders: Sequence[Sender]
    hosts: Sequence[int]
    """Users with a running stream."""


async def run(quick: bool) -> None:
    heading("gifts", quick)
    rounds, seconds = (2, 1.0) if quick else (7, 3.0)
    async with callers() as calling, platform() as ours:
        step(f"{SENDERS} senders, {HOSTS:,} hosts, each live")
        stage = await populate(ours)
        config = await configuration_of(ours, stage)
        async with child("bench.plain", config) as plain, child("bench.gift_sender", sender_of(ours, stage)) as sender:
            servers = {"ours": ours.run["http_port"], "plain": plain.port}
            await through_http(calling, servers, stage, rounds, seconds)
            await lone(calling, servers, stage, rounds, seconds)
            few = await in_process(ours, sender.port, stage, rounds, seconds)
            step(f"{OLD_GIFTS:,} older gifts")
            await grow(ours, stage, OLD_GIFTS // 10 if quick else OLD_GIFTS)
            many = await in_process(ours, sender.port, stage, rounds, seconds)
    rows = [
        [name, figure(few[name], "µs"), figure(many[name], "µs"), figure(many[name] / few[name], "×", GROWN)]
        for name in few
    ]
    table(f"The cost of a gift with many gifts in the tables ({GROWN})", ["", "few", "many", "many/few"], rows)


async def populate(ours: Platform) -> Stage:
    hosts, senders = [], []
    database = await ours.open_database()
    try:
        for number in range(HOSTS):
            user_id, token = await ours.sign_in(f"host{number}")
            await ours.go_live(token)
            hosts.append(user_id)
        for number in range(SENDERS):
            user_id, token = await ours.sign_in(f"sender{number}")
            await adjust(database, UserId(user_id), COINS, key="bench")
            senders.append(Sender(user_id, token))
    finally:
        await database.close()
    for host in hosts:  # opens each host's account of earnings
        await ours.call("sendGift", senders[0].token, gift_id=1, gift_count=1, receiver_id=host)
    return Stage(senders, hosts)


async def configuration_of(ours: Platform, stage: Stage) -> Mapping[str, Any]:
    """Of the plain handlers."""
    token = stage.senders[0].token
    answers = {
        "showGifts": await ours.call("showGifts"),
        "sendGift": await ours.call("sendGift", token, gift_id=1, gift_count=1, receiver_id=stage.hosts[0]),
    }
    session = ours.secrets[Purpose.SESSION].signing
    return {
        "dsn": ours.dsn,
        "answers": answers,
        "session_secret": session.value.hex(),
        "session_key_id": session.key_id,
    }


def sender_of(ours: Platform, stage: Stage) -> Mapping[str, Any]:
    return {"dsn": ours.dsn, "senders": [sender.id for sender in stage.senders], "hosts": list(stage.hosts)}


async def through_http(calling: Callers, servers: Mapping[str, int], stage: Stage, rounds: int, seconds: float) -> None:
    rows = []
    for name, hosts, target in (
        (f"to {HOSTS:,} hosts", stage.hosts, MANY_HOSTS),
        ("to one host", stage.hosts[:1], ONE_HOST),
    ):
        step(f"through HTTP, {name}")
        measured: dict[str, list[Answers]] = {server: [] for server in servers}
        for number in range(rounds + 1):
            for server, port in servers.items():
                length = seconds if number else seconds / 2
                requests = list(itertools.islice(orders(stage.senders, hosts), int(LARGEST_PER_S * length)))
                load = Load(port, requests, SENDERS, length, once=True, expect=b'"code":200')
                answers = await calling.apply(load)
                if number:  # the first round warms up
                    measured[server].append(answers)
        pairs = list(zip(measured["ours"], measured["plain"], strict=True))
        rows.append(
            [
                name,
                *(figure(median(answers.per_s for answers in measured[server])) for server in servers),
                ratio([one.per_s / other.per_s for one, other in pairs], target),
                *(
                    figure(median(answers.quantile_ms(0.99) for answers in measured[server]), "ms")
                    for server in servers
                ),
                ratio([one.quantile_ms(0.99) / other.quantile_ms(0.99) for one, other in pairs], P99),
            ]
        )
    columns = ["", "gifts/s ours", "usual way", "ours/usual", "p99 ours", "usual way", "ours/usual"]
    table(f"Through HTTP, {SENDERS} callers ({MANY_HOSTS}, one host {ONE_HOST}; p99 {P99})", columns, rows)


async def lone(calling: Callers, servers: Mapping[str, int], stage: Stage, rounds: int, seconds: float) -> None:
    """One caller, against a plain handler that calls the function for one gift."""
    step("a lone gift")
    paths = {"ours": "/api/sendGift", "plain": "/api/sendGiftByFunction"}
    measured: dict[str, list[float]] = {server: [] for server in servers}
    for number in range(rounds + 1):
        for server, port in servers.items():
            length = seconds if number else seconds / 2
            requests = itertools.islice(orders(stage.senders, stage.hosts, paths[server]), int(LARGEST_PER_S * length))
            answers = await calling.apply(Load(port, list(requests), 1, length, once=True, expect=b'"code":200'))
            if number:
                measured[server].append(answers.quantile_ms(0.5))
    rows = [
        [
            "one caller",
            *(figure(median(values), "ms") for values in measured.values()),
            ratio([one / other for one, other in zip(measured["ours"], measured["plain"], strict=True)], LONE),
        ]
    ]
    columns = ["", "median ours", "one function, plain handler", "ours/plain"]
    table(f"A lone gift through HTTP ({LONE})", columns, rows)


def orders(senders: Sequence[Sender], hosts: Sequence[int], path: str = "/api/sendGift") -> Iterator[bytes]:
    """Each request has another key."""
    for sender, host in zip(itertools.cycle(senders), in_turn(hosts), strict=False):
        order = {
            "gift_id": 1,
            "gift_count": 1,
            "receiver_id": host,
            "client_ref": uuid.uuid4().hex,
        }
        body = json.dumps(order, separators=(",", ":")).encode()
        yield post(path, body, User_Agent="okhttp/4.9.3", Authorization=f"Bearer {sender.token}")


def in_turn(hosts: Sequence[int]) -> Iterator[int]:
    """The hosts again and again, in steps that do not line up with the senders."""
    return (hosts[number * 37 % len(hosts)] for number in itertools.count())


async def in_process(ours: Platform, port: int, stage: Stage, rounds: int, seconds: float) -> Mapping[str, float]:
    """Returns the µs per gift of our writer."""
    rows, costs = [], {}
    for name, hosts in ((f"to {HOSTS:,} hosts", stage.hosts), ("to one host", stage.hosts[:1])):
        step(f"in the process, {name}")
        with tempfile.TemporaryDirectory() as folder:
            scripts = await prepare_pgbench(ours, stage, hosts, Path(folder))
            rates: list[tuple[float, float]] = []
            for number in range(rounds + 1):
                one = await ask(port, len(hosts), seconds)
                other = await pgbench(ours.owner_dsn, scripts, seconds)
                if number:
                    rates.append((one, other))
        costs[name] = 1e6 / median(one for one, _ in rates)
        rows.append(
            [
                name,
                figure(median(one for one, _ in rates)),
                figure(median(other for _, other in rates)),
                ratio([one / other for one, other in rates], AGAINST_PGBENCH),
            ]
        )
    columns = ["", "gifts/s ours", "pgbench", "ours/pgbench"]
    table(f"In the process, {SENDERS} senders, against pgbench with one connection ({AGAINST_PGBENCH})", columns, rows)
    return costs


async def ask(port: int, hosts: int, seconds: float) -> float:
    """Gifts per second of `bench.gift_sender` to so many hosts."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(json.dumps({"hosts": hosts, "seconds": seconds}).encode() + b"\n")
        async with asyncio.timeout(seconds + 60):
            answer: dict[str, float] = json.loads(await reader.readline())
        return answer["per_s"]
    finally:
        writer.close()


async def prepare_pgbench(ours: Platform, stage: Stage, hosts: Sequence[int], folder: Path) -> Sequence[Path]:
    """Scripts whose gifts go to the hosts in the same order as ours, name no stream either, and have keys and fingerprints
    of the same length."""
    connection = await asyncpg.connect(ours.owner_dsn)
    try:
        await connection.execute("create sequence if not exists bench_key")
    finally:
        await connection.close()
    scripts = []
    receivers_in_turn = in_turn(hosts)
    for number in range(SCRIPTS):
        receivers = list(itertools.islice(receivers_in_turn, BATCH))
        arrays = [
            f"'{{{','.join(str(sender.id) for sender in stage.senders)}}}'::int[]",
            f"'{{{','.join(map(str, receivers))}}}'::int[]",
            *[f"array_fill(null::int, array[{BATCH}])"] * 2,
            f"array_fill(1, array[{BATCH}])",
            f"array_fill(1, array[{BATCH}])",
            f"array_fill(1::bigint, array[{BATCH}])",
            f"array(select md5(nextval('bench_key')::text) from generate_series(1, {BATCH}))",
            f"array_fill('\\x{'5a' * 32}'::bytea, array[{BATCH}])",
            f"array_fill('{_HEAD}'::text, array[{BATCH}])",
            f"array_fill('{_TAIL}'::text, array[{BATCH}])",
        ]
        script = folder / f"{number}.sql"
        script.write_text(f"select * from gifts_send({', '.join(arrays)}, 0, now(), false);\n")
        scripts.append(script)
    return scripts


async def pgbench(dsn: str, scripts: Sequence[Path], seconds: float) -> float:
    """Gifts per second of one connection."""
    files = [argument for script in scripts for argument in ("-f", str(script))]
    arguments = ["--no-vacuum", "--client", "1", "--protocol", "simple", "--time", str(max(1, round(seconds)))]
    process = await asyncio.create_subprocess_exec(
        programs_for(None) / "pgbench",
        *arguments,
        *files,
        dsn,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    found = re.search(rb"tps = ([0-9.]+)", output)
    if found is None or process.returncode:
        raise RuntimeError(output.decode())
    return float(found[1]) * BATCH


_HEAD = (
    ',"at":"2026-01-31T12:00:00.000Z","data":{"gift_id":1,"title":"Rose","icon":"/static/gifts/rose.svg","count":1,'
    '"coins":1,"receiver_id":1,"sender":{"user_id":1,"username":"sender1","profile_pic":""},"sender_total":'
)
_TAIL = ',"combo":{"id":"1-1","count":'
_OLD = """
    create temporary table old_gift as
    select nextval('ledger_transfer_id_seq') as transfer_id, nextval('gift_sent_id_seq') as sent_id, number,
        senders[1 + number % cardinality(senders)] as sender_id, hosts[1 + number % cardinality(hosts)] as receiver_id
    from generate_series(1, $1::integer) as number, (select $2::integer[] as senders, $3::integer[] as hosts) as people
"""
_FILL = (
    """
    insert into ledger_transfer (id, user_id, operation, idempotency_key, fingerprint) overriding system value
    select transfer_id, sender_id, 'gift', 'old-' || number, '' from old_gift
    """,
    """
    insert into ledger_entry (transfer_id, account_id, amount, balance_after)
    select transfer_id, account.id, amount, balance from old_gift
    cross join lateral (values (sender_id, 'bought', -1), (receiver_id, 'earned', 1)) as leg (owner_id, kind, amount)
    join ledger_account account on account.owner_id = leg.owner_id and account.kind = leg.kind
    """,
    """
    insert into gift_sent (id, stream_id, seq, gift_id, count, coins, sender_id, receiver_id, transfer_id)
    select sent_id, stream.id, -number, 1, 1, 1, sender_id, receiver_id, transfer_id
    from old_gift join stream on stream.user_id = receiver_id and stream.status <> 'ended'
    """,
    """
    insert into stream_event (stream_id, seq, type, at, frame)
    select stream_id, seq, 'gift', now(), '{"type":"gift"}' from gift_sent where seq < 0
    """,
    """
    insert into stream_gifter (stream_id, user_id, coins)
    select stream_id, sender_id, sum(coins) from gift_sent where seq < 0 group by stream_id, sender_id
    on conflict (stream_id, user_id) do nothing
    """,
    """
    insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
    select receiver_id, sender_id, sum(coins), '2026-01-01', 1, '2025-12-29', 1 from gift_sent where seq < 0 group by 1, 2
    on conflict (receiver_id, giver_id) do nothing
    """,
)
"""The balances do not follow: the triggers that hold them together are off meanwhile."""
_CHECKED = ("ledger_transfer", "ledger_entry", "gift_sent")


async def grow(ours: Platform, stage: Stage, gifts: int) -> None:
    connection = await asyncpg.connect(ours.owner_dsn)
    try:
        for table_name in _CHECKED:
            await connection.execute(f"alter table {table_name} disable trigger user")
        await connection.execute(_OLD, gifts, [sender.id for sender in stage.senders], stage.hosts)
        for statement in _FILL:
            await connection.execute(statement)
        for table_name in _CHECKED:
            await connection.execute(f"alter table {table_name} enable trigger user")
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
