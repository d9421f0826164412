"""Addresses that payouts go to: their normal forms, and how they are shown."""

from __future__ import annotations

import re

from control_plane.delivery.contacts import InvalidContact, email_contact
from control_plane.payouts.model import Address, InvalidPayoutDetails, Method

HIDDEN = "•••"
_METHODS = {"iban": Method.BANK, "crypto": Method.WALLET, **{method.value: method for method in Method}}
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_WALLET = re.compile(r"(?:[a-z]{2,16}:)?[A-Za-z0-9]{20,100}")


def parse_address(text: str, method: str = "") -> Address:
    """`method`: a name of a method; empty: found by the text. Raises InvalidPayoutDetails."""
    chosen = _METHODS.get(method.strip().lower()) if method.strip() else _method_of(text)
    if chosen is None:
        raise InvalidPayoutDetails("Payouts go to paypal, bank or wallet. Please choose one of them.")
    match chosen:
        case Method.PAYPAL:
            return Address(chosen, _email(text))
        case Method.BANK:
            return Address(chosen, _iban(text))
        case Method.WALLET:
            return Address(chosen, _wallet(text))


def shown(address: Address) -> str:
    """The address without most of it: `j•••@example.com`, `DE•••3000`."""
    value = address.value
    match address.method:
        case Method.PAYPAL:
            name, _, host = value.rpartition("@")
            return f"{name[:1]}{HIDDEN}@{host}"
        case Method.BANK:
            return f"{value[:2]}{HIDDEN}{value[-4:]}"
        case Method.WALLET:
            return f"{value[:4]}{HIDDEN}{value[-4:]}"


def _method_of(text: str) -> Method:
    if "@" in text:
        return Method.PAYPAL
    return Method.BANK if _IBAN.fullmatch(_compact(text)) else Method.WALLET


def _email(text: str) -> str:
    try:
        address = email_contact(text).address
    except InvalidContact:
        address = ""
    # Others would be a formula in the file for the bank, or are an address as it is shown.
    if not address or not address[0].isalnum() or HIDDEN in address:
        raise InvalidPayoutDetails("Please enter the email address of your PayPal account.")
    return address


def _iban(text: str) -> str:
    iban = _compact(text)
    if not _IBAN.fullmatch(iban):
        raise InvalidPayoutDetails("Please enter an IBAN: two letters, two digits, and the number of the account.")
    digits = "".join(str(int(one, 36)) for one in iban[4:] + iban[:4])
    if int(digits) % 97 != 1:
        raise InvalidPayoutDetails("This IBAN has a mistake: its check digits are wrong. Please compare it again.")
    return iban


def _wallet(text: str) -> str:
    wallet = text.strip()
    if not _WALLET.fullmatch(wallet):
        raise InvalidPayoutDetails(
            "This is not a payout address. Please enter a PayPal email address, an IBAN, or a wallet address of 20 to 100 "
            "letters and digits."
        )
    return wallet


def _compact(text: str) -> str:
    return "".join(text.split()).replace("-", "").upper()
