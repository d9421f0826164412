"""Who may see metrics: callers on this machine, and holders of the metrics token."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from api.contract.endpoint import Section
from api.health.checks import Health
from control_plane.db.pool import Database
from tests.api.served import served

BY_PROXY = {"X-Forwarded-For": "203.0.113.9"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        (BY_PROXY, 403),
        (BY_PROXY | {"Authorization": "Bearer the metrics token"}, 200),
        (BY_PROXY | {"Authorization": "bearer the metrics token"}, 200),
        (BY_PROXY | {"Authorization": "Bearer the metrics toke"}, 403),
        (BY_PROXY | {"Authorization": "Bearer "}, 403),
        (BY_PROXY | {"Authorization": "the metrics token"}, 403),
        (BY_PROXY | {"Authorization": "Bearer t\u00f6ken"}, 403),
    ],
)
async def test_metrics_are_for_this_machine_and_for_the_token(
    dsn: str, database: Database, tmp_path: Path, aiohttp_client: AiohttpClient, headers: dict[str, str], status: int
) -> None:
    async with served(dsn, database, tmp_path, Section("none")) as (_, platform):
        settings = dataclasses.replace(platform.settings, metrics_token="the metrics token")
        health = Health(dataclasses.replace(platform, settings=settings), {})
        app = web.Application()
        app.router.add_get("/metrics", health.metrics)
        client = await aiohttp_client(app)
        async with client.get("/metrics", headers=headers) as response:
            assert response.status == status
