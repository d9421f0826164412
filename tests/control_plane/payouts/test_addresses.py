"""Addresses of payouts: normal forms, refusals, what is shown, and their encryption."""

from __future__ import annotations

import dataclasses

import pytest

from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.payouts.addresses import parse_address, shown
from control_plane.payouts.model import Address, InvalidPayoutDetails, Method
from control_plane.payouts.sealing import Sealer, Unreadable

ANN, BEN = UserId(1), UserId(2)
IBAN = "DE89370400440532013000"
WALLET = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"


@pytest.mark.parametrize(
    ("text", "method", "address", "hidden"),
    [
        (" Ann@Example.com ", "paypal", Address(Method.PAYPAL, "ann@example.com"), "a•••@example.com"),
        ("ann@example.com", "", Address(Method.PAYPAL, "ann@example.com"), "a•••@example.com"),
        ("a@example.com", "PayPal", Address(Method.PAYPAL, "a@example.com"), "a•••@example.com"),
        ("de89 3704 0044 0532 0130 00", "bank", Address(Method.BANK, IBAN), "DE•••3000"),
        ("GB82-WEST-1234-5698-7654-32", "", Address(Method.BANK, "GB82WEST12345698765432"), "GB•••5432"),
        (IBAN, "iban", Address(Method.BANK, IBAN), "DE•••3000"),
        (WALLET, "", Address(Method.WALLET, WALLET), "bc1q•••5mdq"),
        (WALLET, "crypto", Address(Method.WALLET, WALLET), "bc1q•••5mdq"),
        (f"bitcoin:{WALLET}", "wallet", Address(Method.WALLET, f"bitcoin:{WALLET}"), "bitc•••5mdq"),
    ],
)
def test_addresses_have_a_normal_form(text: str, method: str, address: Address, hidden: str) -> None:
    assert parse_address(text, method) == address
    assert shown(address) == hidden


@pytest.mark.parametrize(
    ("text", "method", "says"),
    [
        ("ann", "paypal", "the email address of your PayPal account"),
        ("", "paypal", "the email address of your PayPal account"),
        ("=cmd@example.com", "paypal", "the email address of your PayPal account"),
        ("a•••@example.com", "", "the email address of your PayPal account"),
        ("+1@example.com", "", "the email address of your PayPal account"),
        (IBAN[:-1] + "1", "bank", "its check digits are wrong"),
        (IBAN[:-1] + "1", "", "its check digits are wrong"),
        ("12345", "bank", "Please enter an IBAN"),
        ("DE89" + "0" * 31, "bank", "Please enter an IBAN"),
        ("ann", "", "This is not a payout address"),
        ("", "", "This is not a payout address"),
        ("=1+1" + "0" * 20, "wallet", "This is not a payout address"),
        ("0" * 101, "wallet", "This is not a payout address"),
        ("a•••@example.com", "cheque", "paypal, bank or wallet"),
    ],
)
def test_others_are_refused_with_what_to_do(text: str, method: str, says: str) -> None:
    with pytest.raises(InvalidPayoutDetails, match=says):
        parse_address(text, method)


def test_an_address_is_only_read_with_its_secret_in_the_row_of_its_user() -> None:
    old, new = Secret("a", b"a" * 32), Secret("b", b"b" * 32)
    address = Address(Method.BANK, IBAN)
    sealed = Sealer(Keyring((old,))).seal(ANN, address)
    assert IBAN.encode() not in sealed.sealed
    assert sealed.sealed != Sealer(Keyring((old,))).seal(ANN, address).sealed

    rotated = Sealer(Keyring((new, old)))
    assert rotated.open(ANN, sealed) == address
    assert rotated.seal(ANN, address).key_id == "b"
    for user, tried, sealer in (
        (BEN, sealed, rotated),
        (ANN, dataclasses.replace(sealed, method=Method.WALLET), rotated),
        (ANN, dataclasses.replace(sealed, sealed=sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1])), rotated),
        (ANN, dataclasses.replace(sealed, sealed=b""), rotated),
        (ANN, dataclasses.replace(sealed, key_id="b"), rotated),
        (ANN, sealed, Sealer(Keyring((new,)))),
    ):
        with pytest.raises(Unreadable) as refused:
            sealer.open(user, tried)
        assert IBAN not in str(refused.value)
