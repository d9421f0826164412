"""Health checks and metrics over HTTP: `/healthz` (liveness), `/readyz` (readiness) and `/metrics` (Prometheus)."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from api.contract.platform import Platform
from api.http.address import client_address
from api.http.bearer import bearer_token
from control_plane.base.network import is_loopback
from control_plane.bus.model import Bus
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.streams.media.reconciler import Reconciler

PART_DEADLINE_S = 1.0
"""Timeout of one readiness check. Smaller reports a busy database as not ready; larger delays the load balancer."""

Check = Callable[[], Awaitable[str]]
"""Returns "ok" or a short description of the fault."""


class Health:
    def __init__(self, platform: Platform, checks: dict[str, Check]) -> None:
        self._platform = platform
        self._checks = checks

    async def alive(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """200 if every check passes, else 503. Callers that may see metrics get the result of each check too."""
        answers = await asyncio.gather(*(_within_deadline(check) for check in self._checks.values()))
        parts = dict(zip(self._checks, answers, strict=True))
        ready = all(answer == "ok" for answer in answers)
        body: dict[str, object] = {"status": "ready" if ready else "not_ready"}
        if self._may_know(request):
            body["parts"] = parts
        return web.json_response(body, status=200 if ready else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        if not self._may_know(request):
            return web.Response(
                status=403, text="Call /metrics from this machine, or with the token in LIVE_METRICS_TOKEN.\n"
            )
        rendered = self._platform.metrics.render()
        return web.Response(body=rendered, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    def _may_know(self, request: web.Request) -> bool:
        token, offered = self._platform.settings.metrics_token, bearer_token(request) or ""
        if token and hmac.compare_digest(offered.encode(errors="surrogateescape"), token.encode()):
            return True
        return is_loopback(client_address(request, self._platform.settings.trusted_proxies)) and (
            "X-Forwarded-For" not in request.headers
        )


def checks(database: Database, bus: Bus, reconciler: Reconciler) -> dict[str, Check]:
    """The readiness checks by name."""

    async def database_answers() -> str:
        try:
            await database.fetchval("select 1")
        except DatabaseUnavailable:
            return "no answer"
        return "ok"

    async def media_server_answers() -> str:
        return "ok" if reconciler.media_reachable else "no answer"

    async def bus_is_connected() -> str:
        return "ok" if bus.connected.is_set() else "not connected"

    return {"database": database_answers, "media_server": media_server_answers, "bus": bus_is_connected}


async def _within_deadline(check: Check) -> str:
    try:
        async with asyncio.timeout(PART_DEADLINE_S):
            return await check()
    except TimeoutError:
        return "no answer in time"
