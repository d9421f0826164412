"""Checks of the doctor and their findings: ok, warning or broken, with advice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError
from stagedoor.cli.doctor.installation import Installation


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, but not well or not for all clients."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    text: str
    advice: str = ""
    """What to do. Empty: nothing."""


def ok(text: str) -> Finding:
    return Finding(State.OK, text)


def warning(text: str, advice: str) -> Finding:
    return Finding(State.WARNING, text, advice)


def broken(text: str, advice: str = "") -> Finding:
    return Finding(State.BROKEN, text, advice)


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the doctor's table."""

    name: str
    look: Callable[[Installation], Awaitable[Finding | None]]
    """Returns None when there is nothing to check."""
    deadline_s: float = 5.0

    async def finding(self, installation: Installation) -> Finding | None:
        try:
            async with asyncio.timeout(self.deadline_s):
                return await self.look(installation)
        except TimeoutError:
            return broken(f"no answer within {self.deadline_s:g} s")
        except ControlPlaneError as error:  # its text says what to do
            return broken(str(error))
