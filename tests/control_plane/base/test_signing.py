"""Signed tokens: the newest secret signs, all verify, and nothing else passes."""

from __future__ import annotations

import pytest

from control_plane.base.signing import Keyring, Secret, base64url, from_base64url

OLD, NEW = Secret("o", b"the older of the two secrets...."), Secret("n", b"the newest one, which signs.....")


def test_a_signature_names_its_secret_and_outlives_a_rotation() -> None:
    before = Keyring((OLD,)).signing.sign(b"message")
    after = Keyring((NEW, OLD))
    assert (len(before), before[0], after.signing.sign(b"message")[0]) == (44, "o", "n")
    assert after.verify(before, b"message")
    assert after.verify(after.signing.sign(b"message"), b"message")
    assert not Keyring((NEW,)).verify(before, b"message")


def test_nothing_else_is_a_signature() -> None:
    ring, signature = Keyring((NEW, OLD)), NEW.sign(b"message")
    assert not ring.verify(signature, b"another message")
    assert not ring.verify("o" + signature[1:], b"message")
    for other in (
        "",
        "n",
        "n" * 44,
        signature[:-1],
        signature + "=",
        signature.upper(),
        "nü" * 22,
        "\ud83d",
        "x" * 9999,
    ):
        assert not ring.verify(other, b"message"), other


@pytest.mark.parametrize("value", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64url_reads_back(value: bytes) -> None:
    assert "=" not in base64url(value)
    assert from_base64url(base64url(value)) == value


def test_what_is_no_base64url_is_refused() -> None:
    for text in ("a", "ab c", "ü", "ab.d"):
        with pytest.raises(ValueError):  # noqa: PT011
            from_base64url(text)
