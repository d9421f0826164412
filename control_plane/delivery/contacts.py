"""Email addresses and phone numbers in their normal form, in which they are compared, stored and sent to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType, ValidationResult

from control_plane.base.errors import ControlPlaneError, ErrorKind

LONGEST_EMAIL = 254
"""Characters: the longest address that mail servers accept (RFC 5321)."""
_COSTLY = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST}
"""Kinds of numbers that earn money for their owner: an attacker would have our codes sent to them."""
_EMAIL = re.compile(r"[^\s@<>\"(),:;\[\\\]\x00-\x1f]{1,64}@(?:[\w\-]{1,63}\.)+[\w\-]{2,63}")


class Channel(StrEnum):
    EMAIL = "email"
    PHONE = "phone"


class InvalidContact(ControlPlaneError):
    code = "invalid_contact"
    kind = ErrorKind.REFUSED


@dataclass(frozen=True, slots=True)
class Contact:
    channel: Channel
    address: str

    @property
    def email(self) -> str:
        """Empty for a phone number."""
        return self.address if self.channel is Channel.EMAIL else ""

    @property
    def phone(self) -> str:
        """Empty for an email address."""
        return self.address if self.channel is Channel.PHONE else ""


def email_contact(text: str) -> Contact:
    """Raises InvalidContact."""
    address = text.strip().lower()
    is_odd = ".." in address or "@-" in address or address.startswith((".", "-")) or not address.isprintable()
    if is_odd or len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address):
        raise InvalidContact("This is not an email address.")
    return Contact(Channel.EMAIL, address)


def phone_contact(text: str, region: str = "") -> Contact:
    """A number with its country code, such as +49 151 23456789. With `region`, such as DE, also one as it is dialled in
    that country. Raises InvalidContact."""
    try:
        if len(text) > 32:
            raise phonenumbers.NumberParseException(phonenumbers.NumberParseException.TOO_LONG, "")
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not _can_be_sent_to(number):
        raise InvalidContact("This is not a phone number with its country code, such as +49 151 23456789.")
    return Contact(Channel.PHONE, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def any_contact(text: str) -> Contact:
    """An email address or a phone number. Raises InvalidContact."""
    return email_contact(text) if "@" in text else phone_contact(text)


def _can_be_sent_to(number: PhoneNumber) -> bool:
    """Whether its length is right and it is neither a costly number nor that of a satellite phone, of no country."""
    is_possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    is_of_a_country = phonenumbers.region_code_for_country_code(number.country_code or 0) not in ("001", "ZZ")
    return is_possible and is_of_a_country and phonenumbers.number_type(number) not in _COSTLY
