"""Ages: from which one a user may register, go live, send gifts and be paid, by the date of birth.

The date is set once. The apps ask for it at sign-up, but a sign-up by a provider's token may bring none, and no app can
send it later. So a user without a date may go live and send gifts, unless LIVE_AGE_REQUIRED is set. A payout always
needs the date.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError, ErrorKind

OLDEST = 120
"""Years. A date of birth before is a mistake."""


class Activity(StrEnum):
    REGISTER = "use this service"
    GO_LIVE = "go live"
    SEND_GIFTS = "send gifts"
    BE_PAID = "be paid out"


class TooYoung(ControlPlaneError):
    code = "too_young"
    kind = ErrorKind.FORBIDDEN

    def __init__(self, activity: Activity, least: int) -> None:
        super().__init__(f"You have to be at least {least} years old to {activity.value}.")


class AgeUnknown(ControlPlaneError):
    """The activity needs a date of birth, and the user has given none."""

    code = "age_unknown"
    kind = ErrorKind.FORBIDDEN

    def __init__(self, activity: Activity) -> None:
        super().__init__(f"Please enter your date of birth in your profile first: you need it to {activity.value}.")


class InvalidDateOfBirth(ControlPlaneError):
    code = "invalid_date_of_birth"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This is not a possible date of birth. Please check it.")


@dataclass(frozen=True, slots=True)
class Ages:
    """The least age in years for each activity; 0: none."""

    register: int = 0
    go_live: int = 0
    send_gifts: int = 0
    be_paid: int = 0
    required: bool = False
    """Whether going live and gifts need a date of birth, too."""

    def check(self, activity: Activity, dob: dt.date | None, today: dt.date) -> None:
        """Raises TooYoung and AgeUnknown."""
        least = self._least(activity)
        if not least:
            return
        if dob is None:
            if activity is Activity.BE_PAID or (self.required and activity is not Activity.REGISTER):
                raise AgeUnknown(activity)
        elif age(dob, today) < least:
            raise TooYoung(activity, least)

    def check_new(self, dob: dt.date | None, today: dt.date) -> None:
        """Check a date of birth that a user gives. Raises InvalidDateOfBirth and TooYoung."""
        if dob is not None and not 0 <= age(dob, today) <= OLDEST:
            raise InvalidDateOfBirth
        self.check(Activity.REGISTER, dob, today)

    def _least(self, activity: Activity) -> int:
        match activity:
            case Activity.REGISTER:
                return self.register
            case Activity.GO_LIVE:
                return self.go_live
            case Activity.SEND_GIFTS:
                return self.send_gifts
            case Activity.BE_PAID:
                return self.be_paid


def age(dob: dt.date, today: dt.date) -> int:
    """In years. Who was born on 29 February becomes older on 1 March in other years."""
    return today.year - dob.year - ((today.month, today.day) < (dob.month, dob.day))
