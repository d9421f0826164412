"""Daily check-ins."""

from __future__ import annotations

import msgspec
from msgspec import field
from msgspec.structs import asdict

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Request, Text
from api.wire.profile import Profile, caller_of, own_profile
from api.wire.wallet import DailyCheckin, checkin_view
from control_plane.ledger.transfers import TooManyCoins
from control_plane.rewards.model import CheckedInBefore

section = Section("wallet")


class AddDailyCheckin(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    coin: Text = ""
    """The coins that the app expects. Not used."""


class AddDailyCheckinAnswer(Profile, frozen=True, kw_only=True):
    daily_checkin: DailyCheckin = field(name="DailyCheckin")


@section.endpoint("addDailyCheckin", access=Access.PROVEN, refusals=(CheckedInBefore, TooManyCoins))
async def add_daily_checkin(call: Call, body: AddDailyCheckin) -> AddDailyCheckinAnswer:
    """Check in, once a day (UTC). The server decides how many coins that gives, perhaps none. They pay for gifts and
    cannot be withdrawn. `User` is the caller with the new wallet."""
    checkin = await call.rewards.checking_in.check_in(call.user_id)
    return AddDailyCheckinAnswer(
        **asdict(own_profile(call, await caller_of(call))), daily_checkin=checkin_view(checkin)
    )


class ShowDailyCheckins(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


class ShowDailyCheckinsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    daily_checkins: list[DailyCheckin] = field(name="DailyCheckin")
    """The newest check-ins, at most 31, newest first."""
    checked_in: int
    """1: today's check-in was made."""
    streak: int
    """Days in a row with a check-in, up to today or yesterday."""
    coin: int
    """Coins for the next check-in."""


@section.endpoint("showDailyCheckins")
async def show_daily_checkins(call: Call, body: ShowDailyCheckins) -> ShowDailyCheckinsAnswer:
    """The caller's daily check-ins."""
    call.check_trusted()
    checking_in = call.rewards.checking_in
    checkins = await checking_in.checkins(call.user_id)
    return ShowDailyCheckinsAnswer(
        daily_checkins=[checkin_view(checkin) for checkin in checkins.latest],
        checked_in=int(checkins.made_today),
        streak=checkins.streak,
        coin=checking_in.coins,
    )
