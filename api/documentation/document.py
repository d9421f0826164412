"""The OpenAPI 3.1 document, from the registry and the models."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from api.contract.endpoint import Access, Endpoint, Registry
from api.documentation.notes import field_notes
from api.documentation.schemas import REF, Schema, example, name_of, schemas
from api.documentation.texts import CODES, DEVELOPMENT, EXAMPLES, EXAMPLES_IN_DEVELOPMENT, INTRODUCTION
from api.errors import DONE
from api.pages.live import LiveList
from api.urls import Urls

REFUSAL = "Refusal"
LISTING = "listing"
OPERATION = "operation"
JSON_TYPES = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}

Requirements = tuple[dict[str, list[str]], ...]
SESSION: Requirements = ({"bearer": []}, {"authToken": []})
MAY_COME: dict[Access, Requirements] = {
    Access.OPEN: ({},),
    Access.GUEST: ({}, *SESSION),
    Access.USER: SESSION,
    Access.PROVEN: SESSION,
}
API_KEY: Requirements = ({}, {"apiKey": []})
"""May come with each, or be left out."""


def document(registry: Registry, urls: Urls, *, dev: bool) -> dict[str, Any]:
    endpoints = registry.endpoints
    models = schemas(
        [endpoint.request for endpoint in endpoints], [*(endpoint.answer for endpoint in endpoints), LiveList]
    )
    assert REFUSAL not in models.components
    *answers, live_list = models.answers
    examples = EXAMPLES | (EXAMPLES_IN_DEVELOPMENT if dev else {})
    paths = {
        _path(endpoint): {"post": _operation(endpoint, models.components, request, answer, examples)}
        for endpoint, request, answer in zip(endpoints, models.requests, answers, strict=True)
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stagedoor",
            "version": version("stagedoor"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "\n\n".join([INTRODUCTION, *([DEVELOPMENT] if dev else [])]),
        },
        "servers": [{"url": urls.base}],
        "tags": [
            *_tags(endpoints),
            {"name": LISTING, "description": "What is on air."},
            {"name": OPERATION, "description": "For load balancers and operators."},
        ],
        "paths": {**paths, **_live(live_list), **_health()},
        "components": {
            "schemas": {**models.components, REFUSAL: _refusal()},
            "headers": HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The session token: `User.auth_token` of a sign-in."},
    "authToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Auth-Token",
        "description": "The same, as the apps send it.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Api-Key",
        "description": "Which app is calling. It may be left out; a wrong one is refused with code 202.",
    },
}
HEADERS = {
    "X-Request-Id": {
        "description": "Names this call in the logs; a client may send its own.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "After too many calls: the seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {"description": "Names this content, for `If-None-Match`; weak.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "`public, max-age=1`.", "schema": {"type": "string"}},
}


def _path(endpoint: Endpoint) -> str:
    """The contract's names stand below `/api/`; what is a path by itself stands as it is."""
    return f"/{endpoint.name}" if "/" in endpoint.name else f"/api/{endpoint.name}"


def _tags(endpoints: Sequence[Endpoint]) -> list[dict[str, str]]:
    """A section is described by the first words of its module."""
    modules = {endpoint.section: sys.modules[endpoint.handler.__module__] for endpoint in endpoints}
    return [
        {"name": section, "description": inspect.cleandoc(module.__doc__ or "")} for section, module in modules.items()
    ]


def _operation(
    endpoint: Endpoint,
    components: Mapping[str, Schema],
    request: Schema,
    answer: Schema,
    examples: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    text = inspect.cleandoc(endpoint.summary)
    model = components[name_of(request) or ""]
    return {
        "tags": [endpoint.section],
        "operationId": endpoint.name.replace("/", "_"),
        "summary": re.split(r"(?<=\.)\s", text, maxsplit=1)[0],
        "description": f"{text}\n\n{field_notes(Access)[endpoint.access.name]}",
        "x-access": endpoint.access.value,
        **({"x-aliases": list(endpoint.aliases)} if endpoint.aliases else {}),
        "security": [{**session, **key} for session in MAY_COME[endpoint.access] for key in API_KEY],
        "requestBody": {
            "required": bool(model["required"]),
            "content": {
                "application/json": {"schema": request, "example": examples.get(endpoint.name) or example(model)}
            },
        },
        "responses": {
            "200": {
                "description": "Always this status: `code` tells the outcome.",
                "headers": {name: _header(name) for name in ("X-Request-Id", "Retry-After")},
                "content": {"application/json": {"schema": _envelope(answer, endpoint.top_level)}},
            }
        },
    }


def _envelope(answer: Schema, top_level: Mapping[str, Any]) -> Schema:
    beside: dict[str, Schema] = {key: {"type": JSON_TYPES[type(neutral)]} for key, neutral in top_level.items()}
    refusal: Schema = {"$ref": REF + REFUSAL}
    if beside:
        refusal = {"allOf": [refusal, {"type": "object", "properties": beside, "required": list(beside)}]}
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {"code": {"const": DONE}, "msg": answer, **beside},
                "required": ["code", "msg", *beside],
            },
            refusal,
        ]
    }


def _refusal() -> Schema:
    return {
        "title": REFUSAL,
        "description": "\n".join(f"- {code}: {meaning}" for code, meaning in CODES.items() if code != DONE),
        "type": "object",
        "properties": {
            "code": {"type": "integer", "enum": [code for code in CODES if code != DONE]},
            "msg": {"type": "string", "description": "A sentence for the person at the other end."},
        },
        "required": ["code", "msg"],
    }


def _live(page: Schema) -> dict[str, Any]:
    text = (
        "What is live. The public streams on air, 100 a page, most viewers first and among equals the newest first. Everybody gets the same "
        "answer, which is made at most once a second: poll it every few seconds, and send the `ETag` back in `If-None-Match`. What has ended is "
        "gone at once. Between two pages a stream can move from one to the other: tell them apart by `id`."
    )
    refusals = {
        "400": "`page` is not a whole number from 1 to 999999.",
        "429": "Called too often from one address. The body is a sentence.",
        "503": "The database does not answer. Try again in a moment.",
    }
    described: dict[str, Any] = {status: {"description": why} for status, why in refusals.items()}
    sentence: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
    for status in ("400", "503"):
        described[status]["content"] = {"application/json": {"schema": sentence}}
    described["429"] |= {
        "headers": {"Retry-After": _header("Retry-After")},
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    cached = {name: _header(name) for name in ("ETag", "Cache-Control")}
    parameters = [
        {
            "name": "page",
            "in": "query",
            "description": "Which page; one after the last is empty.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 999_999, "default": 1},
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of the answer that the client has.",
            "schema": {"type": "string"},
        },
    ]
    responses = {
        "200": {"description": "One page.", "headers": cached, "content": {"application/json": {"schema": page}}},
        "304": {"description": "Nothing has changed.", "headers": cached},
        **described,
    }
    return {
        "/live": {
            "get": {
                "tags": [LISTING],
                "operationId": "live",
                "summary": "What is live.",
                "description": text,
                "security": [],
                "parameters": parameters,
                "responses": responses,
            }
        }
    }


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _health() -> dict[str, Any]:
    parts: Schema = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Part by part `ok` or what is wrong; only to callers on this machine and to who knows the metrics token.",
    }
    ready: dict[str, Schema] = {"status": {"enum": ["ready", "not_ready"]}, "parts": parts}
    return {
        "/healthz": _get("healthz", "The process is alive.", {"200": _status("Alive.", {"status": {"const": "ok"}})}),
        "/readyz": _get(
            "readyz",
            "Every part that calls rely on answers: database, media server, bus.",
            {"200": _status("Ready.", ready), "503": _status("Not ready: send nobody here.", ready)},
        ),
    }


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    operation = {"tags": [OPERATION], "operationId": name, "summary": summary, "description": summary, "security": []}
    return {"get": {**operation, "responses": responses}}


def _status(description: str, properties: dict[str, Schema]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": ["status"]}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
