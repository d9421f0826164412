"""The reasons of declined cards in our words. https://docs.stripe.com/declines/codes"""

from __future__ import annotations

import stripe

_OTHER = "Your bank declined the payment. Please use another card, or ask your bank."
_REASONS = {
    "insufficient_funds": "There is not enough money on this card. Please use another card.",
    "card_velocity_exceeded": "Your bank's limit for this card is reached. Please use another card.",
    "withdrawal_count_limit_exceeded": "Your bank's limit for this card is reached. Please use another card.",
    "expired_card": "This card has expired. Please use another card.",
    "incorrect_cvc": "The security code of the card is wrong. Please enter the card again.",
    "invalid_cvc": "The security code of the card is wrong. Please enter the card again.",
    "incorrect_number": "The card number is wrong. Please enter the card again.",
    "invalid_number": "The card number is wrong. Please enter the card again.",
    "invalid_expiry_month": "The expiry date is wrong. Please enter the card again.",
    "invalid_expiry_year": "The expiry date is wrong. Please enter the card again.",
    "incorrect_zip": "The postal code does not belong to this card. Please enter the card again.",
    "card_not_supported": "This card cannot be used for this purchase. Please use another card.",
    "currency_not_supported": "This card cannot pay in this currency. Please use another card.",
    "processing_error": "The bank could not process the payment. Please enter the card again.",
    "issuer_not_available": "Your bank does not answer at the moment. Please try again later.",
    "try_again_later": "Your bank does not answer at the moment. Please try again later.",
}
"""By decline code, else by the error's code. Others, such as a stolen card, are not told: their holder may be a thief."""


def reason_of(error: stripe.CardError | None) -> str:
    """None: the reason is not known."""
    if error is None:
        return _OTHER
    declined = error.error.decline_code if error.error is not None and "decline_code" in error.error else None
    return _REASONS.get(declined or "", _REASONS.get(error.code or "", _OTHER))
