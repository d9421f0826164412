"""Amounts as Stripe counts them: in the smallest unit of a currency, which is not always a hundredth.

https://docs.stripe.com/currencies: ISK and UGX have no smaller unit either, but count as if they had.
"""

from __future__ import annotations

_WHOLE = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"]
)
_THOUSANDTHS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


def stripe_amount(price_minor: int, currency: str) -> int:
    """`price_minor`: in hundredths, as our catalogue has it. A price with a part that the currency does not have is
    rounded up, so that the buyer's payment covers the price."""
    if currency.upper() in _WHOLE:
        return -(-price_minor // 100)
    if currency.upper() in _THOUSANDTHS:
        return price_minor * 10
    return price_minor
