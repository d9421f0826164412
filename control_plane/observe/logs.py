"""Structured logging: a constant event name with fields, as text or JSON. Fields hold ids instead of objects, and never
a secret."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Any

import structlog

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that the current task handles. Every log record of the task has it. A variable of our own takes
a sixth of the time of structlog's, and every call sets it."""


def _with_request_id(logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
    if number := request_id.get():
        event["request"] = number
    return event


_SHARED: list[Any] = [
    _with_request_id,
    structlog.stdlib.add_log_level,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


_OF_WHAT_WAS_SENT = {"aiohttp.http_exceptions", "aiohttp.web_protocol"}
"""Modules of the errors that malformed requests cause. Names instead of imports: importing them takes longer than most
commands."""


def _is_ours(record: logging.LogRecord) -> bool:
    """False for malformed HTTP and for disconnects. They are answered, and any client can cause any number of them."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, ConnectionError) and type(error).__module__ not in _OF_WHAT_WAS_SENT


def set_up(format_: str, level: str) -> None:
    """Send the logs of all loggers of the process to standard error."""
    if format_ == "json":
        rendering: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # The default prints the values of all variables, secrets included, and blocks the event loop for half a second.
        plain = structlog.dev.plain_traceback
        rendering = [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28, exception_formatter=plain)
        ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # A request line may hold a key in its query. Requests are logged by endpoint instead (LIVE_ACCESS_LOG).
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.getLogger("pgqueuer").setLevel(logging.WARNING)  # what it tells of a retry we tell with its kind and reason
