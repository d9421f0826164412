"""Coins: packages and prices, purchases, daily check-ins, and payouts of earned coins."""

from __future__ import annotations

from api.sections.wallet import card_payments, checkins, payouts, purchases

SECTIONS = (purchases.section, card_payments.section, checkins.section, payouts.section)
