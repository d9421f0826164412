"""Daily check-ins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId


class CheckedInBefore(ControlPlaneError):
    code = "checked_in_before"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You have already checked in today. The next check-in is possible tomorrow (UTC).")


@dataclass(frozen=True, slots=True)
class Checkin:
    user_id: UserId
    day: dt.date
    """In UTC."""
    streak: int
    """Days in a row with a check-in, this one included."""
    coins: int
    """Coins that the user got for it."""
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Checkins:
    """The user's newest check-ins, newest first."""

    latest: Sequence[Checkin]
    today: dt.date

    @property
    def made_today(self) -> bool:
        return bool(self.latest) and self.latest[0].day == self.today

    @property
    def streak(self) -> int:
        """Days in a row up to today, or up to yesterday while today's check-in is still possible."""
        if not self.latest or self.today - self.latest[0].day > dt.timedelta(days=1):
            return 0
        return self.latest[0].streak
