"""Email addresses and phone numbers: what is accepted, and their normal form."""

from __future__ import annotations

import pytest

from control_plane.delivery.contacts import InvalidContact, email_contact, phone_contact


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.com", "ann@example.com"),
        (" Ann@Example.COM\n", "ann@example.com"),
        ("a.b+tag@mail.example.co.uk", "a.b+tag@mail.example.co.uk"),
        ("ann@bücher.example", "ann@bücher.example"),
    ],
)
def test_an_email_address_has_one_form(text: str, address: str) -> None:
    assert email_contact(text).address == address


@pytest.mark.parametrize(
    "text",
    [
        "", "ann", "ann@", "@example.com", "ann@example", "a b@example.com", "ann@exam ple.com", "ann@@example.com",
        "ann@example.com, bob@example.com", "ann@example.com\nBcc: bob@example.com", "<ann@example.com>", '"a"@example.com',
        "ann@example..com", "a..b@example.com", "ann@.example.com", "a" * 65 + "@example.com", "ann@" + "e" * 250 + ".com",
        "ann\x00@example.com", "ann@example.com;bob@example.com", "ann\x7f@example.com", "ann\x9b1m@example.com",
        "ann\u200b@example.com", "ann\u202e@example.com", "-oann@example.com", ".ann@example.com", "ann@-example.com",
    ],
)  # fmt: skip
def test_what_is_no_email_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidContact):
        email_contact(text)


@pytest.mark.parametrize(
    "text", ["+4915123456789", "+49 151 23456789", "+49 (0) 151/234-567-89", " +4915123456789 ", "tel:+49-151-23456789"]
)
def test_a_phone_number_has_one_form(text: str) -> None:
    assert phone_contact(text).address == "+4915123456789"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "015123456789",
        "4915123456789",
        "004915123456789",
        "+49",
        "+0123456789",
        "+1" + "2" * 40,
        "ann",
        "+1 2530000",
    ],
)
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidContact):
        phone_contact(text)


@pytest.mark.parametrize(
    "text", ["+1 900 555 1234", "+44 909 879 0000", "+49 900 1234567", "+881 612 345 678", "+882 16 1234567"]
)
def test_a_number_that_is_expensive_to_send_to_is_refused(text: str) -> None:
    with pytest.raises(InvalidContact):
        phone_contact(text)
