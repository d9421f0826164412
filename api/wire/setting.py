"""The settings of the apps, the same for all users, in the form that each app reads."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from api.contract.client import Client


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    type: str = ""
    value: str = ""


def app_settings(client: Client, cash_per_coin: Decimal) -> list[Setting]:
    return [
        Setting(type="coin_worth", value=_coin_worth(client, cash_per_coin)),
        Setting(type="show_advert_after", value="0"),  # no advertisements between videos
        Setting(type="referral_coin", value="0"),  # no coins for a referral
    ]


def _coin_worth(client: Client, cash_per_coin: Decimal) -> str:
    """The Java app divides coins by this value; the others multiply coins by it."""
    if client is not Client.ANDROID:
        return _plain(cash_per_coin)
    return _plain(round(1 / cash_per_coin, 6)) if cash_per_coin else "0"


def _plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{number.normalize():f}"
