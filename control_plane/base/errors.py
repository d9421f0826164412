"""The base class of all errors that are reported to a caller or an operator, and the error kinds."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, TypeVar

T = TypeVar("T")


class ErrorKind(StrEnum):
    """What an error means to the caller. Interfaces map kinds to their own codes, so a new error class needs no entry
    elsewhere."""

    REFUSED = "refused"
    """The request is valid but not possible; the error's text says why."""
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    TOO_OFTEN = "too often"
    MALFORMED = "malformed"
    NOT_SIGNED_IN = "not signed in"
    WRONG_API_KEY = "wrong API key"
    NOT_FOUND = "not found"
    UNAVAILABLE = "unavailable"
    """A part of the system does not answer; a retry may succeed."""
    STOPS = "stops"
    """Ends a start, a command or the server. Never the answer to a call."""


class ControlPlaneError(Exception):
    """An expected failure. `str(error)` is shown to the caller or operator and holds no secret."""

    code: ClassVar[str] = "control_plane_error"
    kind: ClassVar[ErrorKind]

    @property
    def beside(self) -> Mapping[str, str]:
        """What the answer to a call has beside the text. Only the caller sees it."""
        return {}


class InvariantBroken(Exception):
    """An invariant is violated, such as the sum of a transfer: a fault of ours. Unlike an `assert`, `-O` does not remove
    it."""


def require(condition: bool, invariant: str) -> None:
    """Raises InvariantBroken."""
    if not condition:
        raise InvariantBroken(invariant)


def present(value: T | None, invariant: str) -> T:
    """The value. Raises InvariantBroken if it is None."""
    if value is None:
        raise InvariantBroken(invariant)
    return value
