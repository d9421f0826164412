"""The OpenAPI 3.1 document, generated from the registry of endpoints and their models."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from api.contract.endpoint import Access, Endpoint, Registry
from api.contract.errors import CODES as CODE_OF
from api.contract.errors import DONE, FAILED, LOG_OUT, MALFORMED, NO_SESSION, REFUSED, WRONG_KEY
from api.documentation.notes import field_notes
from api.documentation.schemas import JSON_TYPES, REF, Schema, example, name_of, schemas, typed
from api.documentation.texts import (
    CODES,
    DEVELOPMENT,
    EXAMPLES,
    EXAMPLES_IN_DEVELOPMENT,
    IN_DEVELOPMENT,
    INTRODUCTION,
    SHORTLY,
    TOO_OFTEN,
)
from api.http.urls import Urls
from api.pages.live import LiveList

REFUSAL = "Refusal"
LISTING = "listing"
OPERATION = "operation"

Requirements = tuple[dict[str, list[str]], ...]
SESSION: Requirements = ({"bearer": []}, {"authToken": []})
MAY_COME: dict[Access, Requirements] = {
    Access.OPEN: ({},),
    Access.GUEST: ({}, *SESSION),
    Access.USER: SESSION,
    Access.PROVEN: SESSION,
}
API_KEY: Requirements = ({}, {"apiKey": []})
"""The API key is optional for every call."""
OF_EVERY_CALL = (DONE, REFUSED, WRONG_KEY, MALFORMED, FAILED)
"""Codes that every endpoint can answer: 201 at least for too many requests."""


def document(registry: Registry, urls: Urls, *, dev: bool) -> dict[str, Any]:
    endpoints = registry.endpoints
    models = schemas(
        [endpoint.request for endpoint in endpoints], [*(endpoint.answer for endpoint in endpoints), LiveList]
    )
    *answers, live_list = models.answers
    examples = {**EXAMPLES, **(EXAMPLES_IN_DEVELOPMENT if dev else {})}
    paths: dict[str, Any] = {}
    envelopes: dict[str, Schema] = {REFUSAL: _refusal()}
    for endpoint, request, answer in zip(endpoints, models.requests, answers, strict=True):
        envelopes |= (of_this := _envelopes(endpoint, answer))
        paths[_path(endpoint)] = {
            "post": _operation(endpoint, models.components, request, of_this, examples, dev=dev),
        }
    assert not envelopes.keys() & models.components.keys()
    described: dict[str, Any] = typed(
        {
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
                {"name": LISTING, "description": "The list of live streams."},
                {"name": OPERATION, "description": "Health checks for load balancers and operators."},
            ],
            "paths": {**paths, **_live(live_list, dev=dev), **_health(dev=dev)},
            "components": {
                "schemas": {**models.components, **envelopes},
                "headers": HEADERS,
                "securitySchemes": SECURITY_SCHEMES,
            },
        }
    )
    return described


SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "The session token: `User.auth_token` of `registerUser`.",
    },
    "authToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Auth-Token",
        "description": "The session token in the header that the apps use.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Api-Key",
        "description": "The API key of the app that calls. Optional; an unknown key is refused with code 202.",
    },
}
HEADERS = {
    "X-Request-Id": {
        "description": "The id of this call in the server's logs. A client may send its own.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "After too many requests: the seconds to wait.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "ETag": {"description": "A weak ETag of this content, for `If-None-Match`.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "`public, max-age=1`.", "schema": {"type": "string"}},
}
PLAIN = {"text/plain": {"schema": {"type": "string"}}}
SECTION_DEPTH = len(("api", "sections", "users"))
RETRY_AFTER = "#/components/headers/Retry-After"


def _path(endpoint: Endpoint) -> str:
    """The path of an endpoint: below `/api/`, unless its name is a path itself."""
    return f"/{endpoint.name}" if "/" in endpoint.name else f"/api/{endpoint.name}"


def _tags(endpoints: Sequence[Endpoint]) -> list[dict[str, str]]:
    """The sections as tags. The description is the docstring of the section's module or folder."""
    names = {endpoint.section: endpoint.handler.__module__.split(".") for endpoint in endpoints}
    modules = {section: sys.modules[".".join(name[:SECTION_DEPTH])] for section, name in names.items()}
    return [
        {"name": section, "description": inspect.cleandoc(module.__doc__ or "")} for section, module in modules.items()
    ]


def _operation(
    endpoint: Endpoint,
    components: Mapping[str, Schema],
    request: Schema,
    envelopes: Mapping[str, Schema],
    examples: Mapping[str, Mapping[str, Any]],
    *,
    dev: bool,
) -> dict[str, Any]:
    text = inspect.cleandoc(endpoint.summary)
    codes = _codes(endpoint)
    done, *refused = envelopes
    model = components[name_of(request) or ""]
    return {
        "tags": [endpoint.section],
        "operationId": endpoint.name.replace("/", "_"),
        "summary": re.split(r"(?<=\.)\s", text, maxsplit=1)[0],
        "description": f"{text}\n\n{field_notes(Access)[endpoint.access.name]}",
        "x-access": endpoint.access.value,
        **({"x-ends-session": True} if endpoint.ends_session else {}),
        **({"x-aliases": list(endpoint.aliases)} if endpoint.aliases else {}),
        "security": [{**session, **key} for session in MAY_COME[endpoint.access] for key in API_KEY],
        "requestBody": {
            "required": bool(model["required"]),
            "content": {
                "application/json": {"schema": request, "example": examples.get(endpoint.name) or example(model)},
                **_form(endpoint, request),
            },
        },
        "responses": {
            "200": {
                "description": "\n".join(
                    [
                        "The status is always 200. `code` is the outcome.",
                        *(f"- {code}: {why}" for code, why in codes.items()),
                    ]
                ),
                "x-codes": list(codes),
                "headers": {name: _header(name) for name in ("X-Request-Id", "Retry-After")},
                "content": {
                    "application/json": {
                        "schema": {"oneOf": [{"$ref": REF + done}, {"$ref": REF + (refused or [REFUSAL])[0]}]}
                    }
                },
            },
            **(_refused_in_development() if dev else {}),
        },
    }


def _form(endpoint: Endpoint, request: Schema) -> dict[str, Any]:
    """The same fields, and files beside them. Files that JSON cannot bring are required."""
    if not endpoint.takes_form:
        return {}
    files = {
        name: {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": f"At most {most} bytes.",
        }
        for name, most in endpoint.uploads.items()
    }
    needed = [name for name in files if name not in endpoint.request.__struct_fields__]
    form = {"type": "object", "properties": files, **({"required": needed} if needed else {})}
    return {"multipart/form-data": {"schema": {"allOf": [request, form]}}}


def _codes(endpoint: Endpoint) -> dict[int, str]:
    """Every `code` that the endpoint can answer → its reasons."""
    needs_session = endpoint.access in (Access.USER, Access.PROVEN)
    why: dict[int, list[str]] = {
        code: [] for code in (*OF_EVERY_CALL, *((NO_SESSION, LOG_OUT) if needs_session else ()))
    }
    for refusal in endpoint.refusals:
        why.setdefault(CODE_OF[refusal.kind], []).append(refusal.code.replace("_", " "))
    why[REFUSED].append("too many requests")
    return {code: ", ".join(sorted(why[code])) or SHORTLY[code] for code in sorted(why)}


def _envelopes(endpoint: Endpoint, answer: Schema) -> dict[str, Schema]:
    """Named schemas, for names in generated code: the answer, and the refusal if it has keys beside `msg`."""
    name = "".join(part[0].upper() + part[1:] for part in endpoint.name.split("/"))
    beside: dict[str, Schema] = {
        key: {"type": JSON_TYPES[type(neutral)]} for key, neutral in endpoint.top_level.items()
    }
    done: Schema = {
        "type": "object",
        "properties": {"code": {"const": DONE}, "msg": answer, **beside},
        "required": ["code", "msg", *beside],
    }
    if not beside:
        return {f"{name}Done": done}
    extended = {"type": "object", "properties": beside, "required": list(beside)}
    return {f"{name}Done": done, f"{name}Refusal": {"allOf": [{"$ref": REF + REFUSAL}, extended]}}


def _refused_in_development() -> dict[str, Any]:
    return {
        status: {"description": why, "content": {"application/json": {"schema": {"$ref": REF + REFUSAL}}}}
        for status, why in IN_DEVELOPMENT.items()
    }


def _refused_outside_calls(*, dev: bool) -> dict[str, Any]:
    return {status: {"description": why, "content": PLAIN} for status, why in IN_DEVELOPMENT.items() if dev}


def _refusal() -> Schema:
    return {
        "title": REFUSAL,
        "description": "\n".join(f"- {code}: {meaning}" for code, meaning in CODES.items() if code != DONE),
        "type": "object",
        "properties": {
            "code": {"type": "integer", "enum": [code for code in CODES if code != DONE]},
            "msg": {"type": "string", "description": "A sentence to show to the user."},
        },
        "required": ["code", "msg"],
    }


def _live(page: Schema, *, dev: bool) -> dict[str, Any]:
    text = (
        "The public live streams, 100 on a page: most viewers first, then newest first. The list is made at most once a "
        "second. A session is optional: it hides the streams of hosts with whom the caller has a block. Poll every few "
        "seconds, with the last `ETag` in `If-None-Match`. Streams that have ended are removed at once. While you read "
        "several pages a stream can move to another page: remove duplicates by `id`."
    )
    refusals = {
        "400": "`page` is not a whole number from 1 to 999999.",
        "429": TOO_OFTEN,
        "503": "The database does not answer. Try again in a moment.",
    }
    described: dict[str, Any] = {status: {"description": why} for status, why in refusals.items()}
    sentence: Schema = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
    for status in ("400", "503"):
        described[status]["content"] = {"application/json": {"schema": sentence}}
    described["429"] |= {
        "headers": {"Retry-After": _header("Retry-After")},
        "content": PLAIN,
    }
    cached = {name: _header(name) for name in ("ETag", "Cache-Control")}
    parameters = [
        {
            "name": "page",
            "in": "query",
            "description": "The number of the page, from 1. A page after the last one is empty.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 999_999, "default": 1},
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "The `ETag` of the last answer that the client received.",
            "schema": {"type": "string"},
        },
    ]
    responses = {
        "200": {
            "description": "A page of streams.",
            "headers": cached,
            "content": {"application/json": {"schema": page}},
        },
        "304": {"description": "The page has not changed.", "headers": cached},
        **described,
        **_refused_outside_calls(dev=dev),
    }
    return {
        "/live": {
            "get": {
                "tags": [LISTING],
                "operationId": "live",
                "summary": "The public live streams.",
                "description": text,
                "security": [],
                "parameters": parameters,
                "responses": responses,
            }
        }
    }


def _header(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}


def _health(*, dev: bool) -> dict[str, Any]:
    refused = _refused_outside_calls(dev=dev)
    too_often = {"description": TOO_OFTEN, "headers": {"Retry-After": {"$ref": RETRY_AFTER}}, "content": PLAIN}
    parts: Schema = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Each check: `ok` or the fault. Only for callers on this machine or with the metrics token.",
    }
    ready: dict[str, Schema] = {"status": {"enum": ["ready", "not_ready"]}, "parts": parts}
    return {
        "/healthz": _get(
            "healthz", "The process is alive.", {"200": _status("Alive.", {"status": {"const": "ok"}}), **refused}
        ),
        "/readyz": _get(
            "readyz",
            "Whether database, media server and bus are available.",
            {
                "200": _status("Ready.", ready),
                **refused,
                "429": too_often,
                "503": _status("Not ready. Route no calls to this server.", ready),
            },
        ),
        "/metrics": _get(
            "metrics",
            "Metrics, as Prometheus reads them: for callers on this machine, and with the metrics token as a bearer token.",
            {
                **refused,
                "200": {"description": "The text format of Prometheus.", "content": PLAIN},
                "403": {"description": "Neither on this machine nor with the metrics token.", "content": PLAIN},
                "429": too_often,
            },
        ),
    }


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    operation = {"tags": [OPERATION], "operationId": name, "summary": summary, "description": summary, "security": []}
    return {"get": {**operation, "responses": responses}}


def _status(description: str, properties: dict[str, Schema]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": ["status"]}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
