"""The root of all errors that are reported to a caller or an operator, and their kinds."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """What an error means to whoever caused it. Interfaces map kinds to their own codes, so a new error needs no entry anywhere."""

    REFUSED = "refused"
    """Understood, and not possible; the sentence says why."""
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    TOO_OFTEN = "too often"
    MALFORMED = "malformed"
    NOT_SIGNED_IN = "not signed in"
    WRONG_API_KEY = "wrong API key"
    NOT_FOUND = "not found"
    UNAVAILABLE = "unavailable"
    """A part does not answer; the same call may work in a moment."""
    STOPS = "stops"
    """Ends a start, a command or the server. No call meets it."""


class ControlPlaneError(Exception):
    """An expected failure. `str(error)` is a sentence for the person at the other end and holds no secret."""

    code: ClassVar[str] = "control_plane_error"
    kind: ClassVar[ErrorKind]


class InvariantBroken(Exception):
    """Something is not as it must be in any case, such as the sum of a transfer: a fault of ours. Unlike `assert` it is raised under `-O` too."""


def require(condition: bool, invariant: str) -> None:
    """Raises InvariantBroken."""
    if not condition:
        raise InvariantBroken(invariant)
