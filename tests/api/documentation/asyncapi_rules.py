"""Rules of AsyncAPI 3.0 for the parts that our document uses, and validation of frames against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.api.documentation.openapi_rules import Json, mismatches

SECTIONS = ("asyncapi", "info", "servers", "channels", "operations", "components")
ACTIONS = {"send", "receive"}


def faults(document: Json) -> list[str]:
    """Violations as `place: what is wrong`; empty if there are none."""
    missing = [f"#: no {key}" for key in SECTIONS if key not in document]
    return missing or list(_faults(document))


def _faults(document: Json) -> Iterator[str]:
    if document["asyncapi"] != "3.0.0":
        yield "#/asyncapi: not 3.0.0"
    yield from _dangling(document, document, "#")
    for server in document["servers"].values():
        if server["protocol"] not in {"ws", "wss"} or "/" in server["host"]:
            yield f"#/servers: {server}"
    for name, channel in document["channels"].items():
        for parameter in channel.get("parameters", {}):
            if f"{{{parameter}}}" not in channel["address"]:
                yield f"#/channels/{name}: {parameter} is not in the address"
    for name, operation in document["operations"].items():
        if operation["action"] not in ACTIONS:
            yield f"#/operations/{name}: {operation['action']}"
        for part in (operation, operation.get("reply", operation)):
            if not part["messages"]:
                yield f"#/operations/{name}: no messages"
            for message in part["messages"]:  # they have to be those of its channel, not the components that these name
                if not message["$ref"].startswith(f"{part['channel']['$ref']}/messages/"):
                    yield f"#/operations/{name}: {message['$ref']} is not of its channel"


def _dangling(document: Json, value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("$ref"), str) and _target(document, reference) is None:
            yield f"{place}: {reference} leads nowhere"
        for name, inner in value.items():
            yield from _dangling(document, inner, f"{place}/{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _dangling(document, inner, place)


def _target(document: Json, reference: str) -> Any:
    target: Any = document
    for part in reference.removeprefix("#/").split("/"):
        target = target.get(part) if isinstance(target, Mapping) else None
    return target


def messages(document: Json, action: str, channel: str = "stream") -> dict[str, Json]:
    """Messages by the `type` of their frames, for one direction of a channel: what the server sends, or what it
    receives."""
    found = {}
    for operation in document["operations"].values():
        if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{channel}":
            for reference in operation["messages"]:
                message = _target(document, _target(document, reference["$ref"])["$ref"])
                found[_type(document, message["payload"])] = message
    return found


def _type(document: Json, payload: Json) -> str:
    of_type = _resolved(document, payload)["properties"]["type"]
    name: str = of_type["const"] if "const" in of_type else of_type["enum"][0]
    return name


def _resolved(document: Json, schema: Json) -> Json:
    resolved: Json = _target(document, schema["$ref"]) if "$ref" in schema else schema
    return resolved


def misfits(document: Json, action: str, frame: Json, channel: str = "stream") -> list[str]:
    """Where a frame differs from its description or has fields that are not described."""
    message = messages(document, action, channel).get(frame["type"])
    if message is None:
        return [f"{frame['type']}: not described"]
    return [
        *mismatches(document, message["payload"], frame),
        *_undescribed(document, message["payload"], frame, frame["type"]),
    ]


def _undescribed(document: Json, schema: Json, value: Any, place: str) -> Iterator[str]:
    schema = _resolved(document, schema)
    if isinstance(value, Mapping) and "properties" in schema:
        for name, inner in value.items():
            if name not in schema["properties"]:
                yield f"{place}.{name}: not described"
            else:
                yield from _undescribed(document, schema["properties"][name], inner, f"{place}.{name}")
    elif isinstance(value, list) and schema.get("items"):
        for inner in value:
            yield from _undescribed(document, schema["items"], inner, f"{place}[]")
