"""Ages, and what they allow."""

from __future__ import annotations

import datetime as dt

import pytest

from control_plane.accounts.age import Activity, Ages, AgeUnknown, InvalidDateOfBirth, TooYoung, age

TODAY = dt.date(2026, 2, 28)
AGES = Ages(register=13, go_live=18, send_gifts=18, be_paid=18)


def born(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("dob", "today", "years"),
    [
        ("2008-02-28", "2026-02-28", 18),
        ("2008-03-01", "2026-02-28", 17),
        ("2008-02-29", "2026-02-28", 17),
        ("2008-02-29", "2026-03-01", 18),
        ("2008-02-29", "2028-02-29", 20),
        ("2026-03-01", "2026-02-28", -1),
    ],
)
def test_an_age_in_years(dob: str, today: str, years: int) -> None:
    assert age(born(dob), born(today)) == years


@pytest.mark.parametrize("activity", list(Activity))
def test_who_is_old_enough_by_a_day_and_who_is_not(activity: Activity) -> None:
    least = 13 if activity is Activity.REGISTER else 18
    AGES.check(activity, TODAY.replace(year=TODAY.year - least), TODAY)
    with pytest.raises(TooYoung, match=f"at least {least} years old to {activity.value}"):
        AGES.check(activity, TODAY.replace(year=TODAY.year - least) + dt.timedelta(days=1), TODAY)
    Ages().check(activity, TODAY, TODAY)


@pytest.mark.parametrize("required", [False, True])
def test_a_payout_always_needs_a_date_of_birth_and_the_rest_when_required(*, required: bool) -> None:
    ages = Ages(register=13, go_live=18, send_gifts=18, be_paid=18, required=required)
    ages.check(Activity.REGISTER, None, TODAY)
    with pytest.raises(AgeUnknown, match="Please enter your date of birth in your profile first"):
        ages.check(Activity.BE_PAID, None, TODAY)
    for activity in (Activity.GO_LIVE, Activity.SEND_GIFTS):
        if required:
            with pytest.raises(AgeUnknown):
                ages.check(activity, None, TODAY)
        else:
            ages.check(activity, None, TODAY)


@pytest.mark.parametrize("dob", ["2026-03-01", "1905-01-01", "0001-01-01", "9999-12-31"])
def test_a_date_of_birth_that_cannot_be(dob: str) -> None:
    with pytest.raises(InvalidDateOfBirth):
        AGES.check_new(born(dob), TODAY)
    AGES.check_new(None, TODAY)
