"""Benchmark of the auth callback: our hooks listener against a bare `web.Server`, a new TCP connection for each call.

The listener is measured inside the process of the whole platform. In the case `alone` that process is pinned to one
core, and callers and the rest share the other. In the loaded cases nothing is pinned, as in production.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.load import Callers, Load, Measured, callers, post
from bench.looped import looped_publishers
from bench.platform import Platform, platform, until
from bench.processes import OTHER_CORES, SERVER_CORES, Child, child, cpu_s, pin
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import UserId
from control_plane.ledger.adjustments import adjust

SOCKETS = 1000
EVENTS_PER_S = 50
PROBED = 20
COINS = 1_000_000
LIVE_S = 60.0

CPU = Target(1.1)
P99 = Target(5.0)
DECISION = Target(1.0)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    seconds: float


@dataclass
class Rounds:
    """Measurements by case and server."""

    of: dict[tuple[str, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))

    def cpu(self, case: str, server: str) -> float:
        return median(measured.cpu_us for measured in self.of[case, server])

    def quantile(self, case: str, server: str, share: float) -> float:
        return median(measured.answers.quantile_ms(share) for measured in self.of[case, server])

    def worst(self, case: str, server: str) -> float:
        return max(measured.answers.quantile_ms(1.0) for measured in self.of[case, server])

    def per_s(self, case: str, server: str) -> float:
        return median(measured.answers.per_s for measured in self.of[case, server])

    def cpu_ratios(self, case: str, server: str, base: str) -> list[float]:
        pairs = zip(self.of[case, server], self.of[case, base], strict=True)
        return [ours.cpu_us / bare.cpu_us for ours, bare in pairs]


def auth_call(platform: Platform, path: str, key: str | None) -> bytes:
    """The callback that MediaMTX v1.20.1 sends for RTMP (with a key) or HLS."""
    body = {
        "ip": "127.0.0.1",
        "user": "",
        "password": "",
        "token": key or "",
        "action": "publish" if key else "read",
        "path": path,
        "protocol": "rtmp" if key else "hls",
        "id": str(uuid.uuid4()),
        "query": f"token={key}" if key else "",
        "userAgent": "FMLE/3.0 (compatible; FMSc/1.0)" if key else "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    }
    basic = base64.b64encode(f"mediamtx:{platform.hook_password}".encode()).decode()
    return post(
        "/hooks/auth",
        json.dumps(body).encode(),
        User_Agent="Go-http-client/1.1",
        Authorization=f"Basic {basic}",
        Accept_Encoding="gzip",
    )


async def run(quick: bool) -> None:
    heading("callback", quick)
    plan = Plan(2, 0.5) if quick else Plan(5, 1.5)
    probed = 5 if quick else PROBED
    async with callers(OTHER_CORES) as calling, child("bench.bare", {}) as bare, platform() as ours:
        pin(bare.pid, SERVER_CORES)
        ours.pin()
        await alone(plan, calling, ours, bare)
    async with callers() as calling, child("bench.bare", {}) as bare, platform() as ours:
        stage = await Stage.set(ours)
        await crowded(plan, calling, ours, bare, stage)
        await while_probing(plan, calling, ours, bare, stage, probed)


async def alone(plan: Plan, calling: Callers, ours: Platform, bare: Child) -> None:
    stage = await Stage.set(ours)
    publish, read = auth_call(ours, stage.path, stage.key), auth_call(ours, stage.path, None)
    ports = {"ours": (ours.run["hooks_port"], ours.pid), "bare": (bare.port, bare.pid)}
    before = await ours.auth_buckets()
    step("Alone")
    rounds = Rounds()
    for number in range(plan.rounds + 1):
        for case, request, count in (
            ("publish, 1 caller", publish, 1),
            ("publish, 64 callers", publish, 64),
            ("read, 1 caller", read, 1),
            ("read, 64 callers", read, 64),
        ):
            for server, (port, pid) in ports.items():
                load = Load(port, [request], count, plan.seconds, keep_alive=False)
                measured = await calling.measure(load, pid)
                if number:  # the first round warms up
                    rounds.of[case, server].append(measured)
    show_alone(rounds)
    decided(await ours.auth_buckets(), before, "alone")


async def crowded(plan: Plan, calling: Callers, ours: Platform, bare: Child, stage: Stage) -> None:
    step(f"{SOCKETS} open sockets receive {EVENTS_PER_S} gifts a second")
    read = auth_call(ours, stage.path, None)
    ports = {"ours": (ours.run["hooks_port"], ours.pid), "bare": (bare.port, bare.pid)}
    rounds = Rounds()
    before = await ours.auth_buckets()
    async with child("bench.bare", {"per_s": EVENTS_PER_S}) as plain:
        for _ in range(plan.rounds):
            async with crowd(ours.run["http_port"], f"/ws/live/{stage.stream_id}") as viewers:
                async with gifts(ours, stage):
                    await loaded_round(plan, calling, rounds, read, ports)
                await leave(viewers)  # after the last gift, or on a busy machine they never catch up
            async with crowd(plain.ready["sockets_port"], "/") as viewers:
                await loaded_round(plan, calling, rounds, read, {"bare, fanning out": (plain.port, plain.pid)})
                await leave(viewers)
    show_loaded(
        f"{SOCKETS} open sockets of the platform receive {EVENTS_PER_S} gifts a second",
        rounds,
        "bare: an idle process of its own, which shows what the machine adds. bare, fanning out: its loop writes as "
        "many frames to as many sockets, without yielding within an event, as simple live sockets do.",
    )
    decided(await ours.auth_buckets(), before, "with the sockets")


async def while_probing(plan: Plan, calling: Callers, ours: Platform, bare: Child, stage: Stage, streams: int) -> None:
    step(f"{streams} live streams are being probed")
    read = auth_call(ours, stage.path, None)
    urls = []
    for number in range(streams):
        _, token = await ours.sign_in(f"broadcaster{number}")
        urls.append((await ours.go_live(token))["rtmp_url"])
    probed = Rounds()
    async with looped_publishers(urls):

        async def all_live() -> bool:
            return await ours.metric('stagedoor_streams{status="live"}') >= streams

        await until(all_live, LIVE_S, "the streams are live")
        before = await ours.auth_buckets()
        probes = await probes_made(ours)
        ports = {"ours": (ours.run["hooks_port"], ours.pid), "bare": (bare.port, bare.pid)}
        for _ in range(plan.rounds):
            await loaded_round(plan, calling, probed, read, ports)
        made = await probes_made(ours) - probes
        show_loaded(f"{streams} live streams, {made:.0f} probes made meanwhile", probed, "")
        decided(await ours.auth_buckets(), before, "while probing")


async def probes_made(ours: Platform) -> float:
    return await ours.metric("stagedoor_probes_total")


async def loaded_round(
    plan: Plan, calling: Callers, rounds: Rounds, request: bytes, ports: dict[str, tuple[int, int]]
) -> None:
    for server, (port, pid) in ports.items():
        background = await processors(pid, plan.seconds / 2)
        for case, count in (("1 caller", 1), ("64 callers", 64)):
            load = Load(port, [request], count, plan.seconds, keep_alive=False)
            rounds.of[case, server].append(await calling.measure(load, pid, background))


async def processors(pid: int, seconds: float) -> float:
    """CPU use of a process, in processors, measured for `seconds`."""
    before = cpu_s(pid)
    await asyncio.sleep(seconds)
    return (cpu_s(pid) - before) / seconds


def show_alone(rounds: Rounds) -> None:
    rows = [
        [
            case,
            figure(rounds.cpu(case, "ours"), "µs"),
            figure(rounds.cpu(case, "bare"), "µs"),
            ratio(rounds.cpu_ratios(case, "ours", "bare"), CPU),
            *(figure(rounds.quantile(case, "ours", share), "ms") for share in (0.5, 0.99)),
            *(figure(rounds.quantile(case, "bare", share), "ms") for share in (0.5, 0.99)),
            figure(rounds.worst(case, "ours"), "ms"),
            f"{rounds.per_s(case, 'ours'):,.0f} / {rounds.per_s(case, 'bare'):,.0f}",
        ]
        for case in sorted({case for case, _ in rounds.of})
    ]
    columns = [
        "alone",
        "CPU ours",
        "bare",
        f"ratio ({CPU})",
        "p50 ours",
        "p99 ours",
        "p50 bare",
        "p99 bare",
        "worst",
        "calls/s",
    ]
    table("Auth callback, a new connection for each call", columns, rows)


def show_loaded(title: str, rounds: Rounds, note: str) -> None:
    rows = []
    for case, server in sorted(rounds.of):
        target = P99 if (case, server) == ("1 caller", "ours") else None
        rows.append(
            [
                f"{case}, {server}",
                figure(rounds.quantile(case, server, 0.5), "ms"),
                figure(rounds.quantile(case, server, 0.99), "ms", target),
                figure(rounds.worst(case, server), "ms"),
                figure(rounds.cpu(case, server), "µs"),
                f"{rounds.per_s(case, server):,.0f}",
            ]
        )
    columns = ["read", "p50", f"p99 ({P99} ms)", "worst", "CPU beyond the background", "calls/s"]
    table(title, columns, rows, note)


def decided(after: dict[str, float], before: dict[str, float], when: str) -> None:
    """Print the quantiles of the decision itself, from the process's own histogram."""
    counts = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    total = counts.pop("+Inf", 0)
    for share in (0.5, 0.99, 0.999):
        bound = next((bound for bound, count in counts.items() if count >= share * total), "more")
        at_most = "more" if bound == "more" else figure(float(bound) * 1000, "ms", DECISION if share == 0.99 else None)
        step(f"stagedoor_auth_seconds {when}, {total:,.0f} decisions: p{share * 100:g} at most {at_most}")


@dataclass(frozen=True, slots=True)
class Stage:
    """A host with a stream, and a gifter with coins."""

    stream_id: int
    path: str
    key: str
    host_id: int
    gifter_token: str

    @classmethod
    async def set(cls, ours: Platform) -> Stage:
        host_id, host = await ours.sign_in("host")
        gifter_id, gifter = await ours.sign_in("gifter")
        stream = await ours.go_live(host)
        database = await ours.open_database()
        try:
            await adjust(database, UserId(gifter_id), COINS, key="bench")
        finally:
            await database.close()
        return cls(stream["id"], f"live/{stream['id']}", stream["stream_key"].partition("token=")[2], host_id, gifter)


@asynccontextmanager
async def crowd(port: int, path: str) -> AsyncIterator[Child]:
    async with child("bench.crowd", {"port": port, "path": path, "sockets": SOCKETS}) as viewers:
        yield viewers


async def leave(viewers: Child) -> None:
    left: dict[str, Any] = await viewers.leave()
    if left["lost"]:
        raise RuntimeError(f"{left['lost']} sockets were disconnected during the measurement")


@asynccontextmanager
async def gifts(ours: Platform, stage: Stage) -> AsyncIterator[None]:
    """Send `EVENTS_PER_S` gifts a second, each by a call of its own, without waiting for earlier answers."""

    async def send() -> None:
        await ours.call(
            "sendGift",
            stage.gifter_token,
            gift_id=1,
            gift_count=1,
            receiver_id=stage.host_id,
            live_streaming_id=stage.stream_id,
        )

    async def keep_sending() -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        async with asyncio.TaskGroup() as group:
            while True:
                due += 1 / EVENTS_PER_S
                await asyncio.sleep(max(0.0, due - clock()))
                group.create_task(send())

    sending = asyncio.create_task(keep_sending())
    try:
        await asyncio.sleep(0.5)
        yield
        if sending.done():
            await sending
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
