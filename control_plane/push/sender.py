"""Sends what waits in the outbox, at a bounded rate, until nothing is due.

At least once: a worker that is killed after it sent a message and before it wrote that down leaves the message to the next
one. The message has the same tag then, so that the device shows it once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from control_plane.accounts import devices
from control_plane.base.clock import utc_now
from control_plane.db.pool import Database
from control_plane.push import store, subscriptions_store
from control_plane.push.http import CONNECTIONS
from control_plane.push.metrics import PushMetrics
from control_plane.push.model import Outcome, Renderer, Result, Service, ServiceName, Waiting
from control_plane.push.queue import send_pushes

log = logging.getLogger(__name__)

LEASE = dt.timedelta(seconds=20)
"""A batch is sent within this time. Longer: the messages of a killed worker wait for longer. Shorter: a slow batch is
sent twice."""
BATCH_S = 2.0
"""A batch has the messages of this time, and at most one for each connection. With the deadline of a message it must fit
into the lease."""
FIRST_RETRY_S = 5.0
"""After the first failure; doubles with each."""
LONGEST_RETRY_S = 3600.0
"""Upper limit of the backoff. Longer: after a long outage, messages wait although the service answers again."""
PLAN_S = 1.0
"""Least time until a planned job. Shorter: it may have the key of the job that plans it, and would not be enqueued."""
FEW = 10
"""A service that has answered fewer messages in a batch with "too often" may mean these devices, not all."""
IPHONES_ONLY = "THIRD_PARTY_AUTH_ERROR"
"""The key for APNs in the Firebase console is wrong. Messages to other phones are sent."""
TOO_OFTEN = {"QUOTA_EXCEEDED", "HTTP 429"}
_FORGET: Mapping[ServiceName, Callable[..., Awaitable[None]]] = {
    ServiceName.FCM: devices.forget_dead_tokens,
    ServiceName.WEB: subscriptions_store.forget_gone,
}


@dataclass(frozen=True, slots=True)
class Rules:
    per_second: int
    keep_s: int
    keep_kinds_s: Mapping[str, int]
    """The same for kinds that are of interest for a shorter time."""


Outdated = Callable[[Database, Sequence[Waiting]], Awaitable[Collection[int]]]
"""Which messages of a batch must not be sent any more, by their ids: their receivers do not see what they tell. One query."""


class Pace:
    """Turns at a fixed rate."""

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1 / per_second
        self._next_at = 0.0

    async def turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_at)
        self._next_at = at + self._interval_s
        if at > now:
            await asyncio.sleep(at - now)


class Sender:
    def __init__(
        self,
        database: Database,
        services: Sequence[Service],
        renderer: Renderer,
        rules: Rules,
        metrics: PushMetrics,
        outdated: Outdated,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._services = services
        self._renderer = renderer
        self._rules = rules
        self._metrics = metrics
        self._outdated = outdated
        self._clock = clock
        self._pace = Pace(rules.per_second)
        self._batch = max(1, min(CONNECTIONS, int(rules.per_second * BATCH_S)))
        self._paused_until: dict[ServiceName, float] = {}
        self._failed_batches: Counter[ServiceName] = Counter()

    async def send_waiting(self) -> None:
        """Send what is due, and plan a job for what is due later."""
        drains = await asyncio.gather(*map(self._drain, self._services), return_exceptions=True)
        await store.delete_done(self._database)
        await self._plan()
        for failure in drains:
            if failure is not None:
                raise failure

    async def _drain(self, service: Service) -> None:
        while self._pause_s(service.name) <= 0:
            picked = await store.pick(self._database, service.name, self._batch, LEASE)
            if not picked:
                break
            outdated = await self._outdated(self._database, picked)
            results = await asyncio.gather(
                *(self._paced(service, waiting, waiting.id in outdated) for waiting in picked)
            )
            await self._write(service.name, picked, results)

    async def _paced(self, service: Service, waiting: Waiting, is_outdated: bool) -> Result:
        if not waiting.address:
            return Result(Outcome.LATE, "signed out")
        if is_outdated:
            return Result(Outcome.LATE, "hidden")
        keep_s = self._rules.keep_kinds_s.get(waiting.kind, self._rules.keep_s)
        if waiting.created_at + dt.timedelta(seconds=keep_s) <= utc_now():
            return Result(Outcome.LATE, "too old")
        await self._pace.turn()
        left_s = (waiting.created_at - utc_now()).total_seconds() + keep_s
        try:
            text = self._renderer.render(waiting.kind, waiting.params, waiting.language)
        except Exception:  # else one message would hold back all others
            log.exception("push_without_text", extra={"kind": waiting.kind})
            return Result(Outcome.REFUSED, "no text")
        return await service.send(waiting, text, max(1, int(left_s)))

    async def _write(self, service: ServiceName, picked: Sequence[Waiting], results: Sequence[Result]) -> None:
        for result in results:
            self._metrics.attempt(service, result.outcome)
        retried = {
            waiting.id: _delay_s(waiting, result)
            for waiting, result in zip(picked, results, strict=True)
            if result.outcome is Outcome.RETRIED
        }
        gone = [w.address for w, result in zip(picked, results, strict=True) if result.outcome is Outcome.GONE]
        async with self._database.transaction() as connection:
            await store.finish(connection, [w.id for w in picked if w.id not in retried], retried)
            if gone:
                await _FORGET[service](connection, gone)
        self._judge(service, results)
        failures = Counter((r.outcome, r.why) for r in results if r.outcome in (Outcome.REFUSED, Outcome.RETRIED))
        for (outcome, why), number in failures.items():
            log.warning("pushes_failed", extra={"service": service, "outcome": outcome, "why": why, "messages": number})

    def _judge(self, service: ServiceName, results: Sequence[Result]) -> None:
        """Pause a service that fails for every device, instead of asking it for each of them."""
        asked = [result for result in results if result.outcome is not Outcome.LATE]
        if not asked:
            return
        failed = [result for result in asked if result.outcome is Outcome.RETRIED and result.why != IPHONES_ONLY]
        if len(failed) < len(asked) or (len(asked) < FEW and all(result.why in TOO_OFTEN for result in failed)):
            self._failed_batches[service] = 0
            return
        self._failed_batches[service] += 1
        backoff_s = _doubled_s(self._failed_batches[service])
        self._paused_until[service] = self._clock() + max(backoff_s, *(result.retry_after_s for result in failed))

    def _pause_s(self, service: ServiceName) -> float:
        return self._paused_until.get(service, 0.0) - self._clock()

    async def _plan(self) -> None:
        """Enqueue the job for what is due later. Jobs for the same second are one."""
        waits, late_s = [], 0.0
        for service in self._services:
            due = await store.next_due(self._database, service.name)
            if due is not None:
                waits.append(max(due.total_seconds(), self._pause_s(service.name), PLAN_S))
                late_s = max(late_s, -due.total_seconds())
        self._metrics.late(late_s)
        if not waits:
            return
        at = utc_now() + dt.timedelta(seconds=min(waits))
        key = f"send_pushes:{math.ceil(at.timestamp())}"
        async with self._database.transaction() as connection:
            await send_pushes.set(delay=dt.timedelta(seconds=min(waits)), key=key).enqueue(connection)


def _doubled_s(failures: int) -> float:
    return min(FIRST_RETRY_S * 2.0 ** (min(failures, 30) - 1), LONGEST_RETRY_S)


def _delay_s(waiting: Waiting, result: Result) -> float:
    return max(_doubled_s(waiting.attempts), result.retry_after_s)
