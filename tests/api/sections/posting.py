"""One call as an app sends it. Its answer is checked by that app's decoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from api.contract import facts
from api.contract.client import Client
from tests.api.contract.decoders import problems
from tests.api.served import API_KEYS


async def posted(
    http: TestClient[web.Request, web.Application],
    name: str,
    app: Client,
    token: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    path: str = "",
    **body: Any,
) -> dict[str, Any]:
    """The whole answer. `path`: another spelling of the endpoint's path. `body`: `json` or `data`. The apps have no
    decoders for calls that are not the contract's."""
    sent = {"Api-Key": API_KEYS[app.value], "Auth-Token": token, **(headers or {})}
    async with http.post(path or f"/api/{name}", headers=sent, **body) as response:
        assert response.status == 200
        raw = await response.read()
    if name.strip() in facts.load().endpoints:
        assert problems(app, name.strip(), raw) == [], raw
    answer: dict[str, Any] = json.loads(raw)
    return answer
