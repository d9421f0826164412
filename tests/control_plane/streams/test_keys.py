"""Stream keys: the secret verifies a key, and only the exact key is valid."""

from __future__ import annotations

import base64
import hashlib
import hmac
import string

import pytest

from control_plane.base.ids import LARGEST_ID, StreamId
from control_plane.base.signing import Keyring, Secret
from control_plane.streams.keys import LENGTH, StreamKeys
from tests.control_plane.streams.samples import KEYS, SALT, SECRET

SEVEN = StreamId(7)
KEY = KEYS.issue(SEVEN, 1, SALT)


def test_a_key_is_what_other_releases_made_of_the_same_secret() -> None:
    """Broadcasters keep keys in their encoders."""
    signed = b"publish/v2\0" + (7).to_bytes(8, "big") + (1).to_bytes(4, "big") + SALT
    digest = hmac.new(SECRET.value, signed, hashlib.sha256).digest()
    assert "a" + base64.urlsafe_b64encode(SALT + digest).decode().rstrip("=") == KEY


@pytest.mark.parametrize("stream_id", [1, 7, LARGEST_ID])
@pytest.mark.parametrize("version", [1, 2, 2**31 - 1])
def test_a_key_fits_into_a_url_and_opens_its_stream(stream_id: int, version: int) -> None:
    key = KEYS.issue(StreamId(stream_id), version, SALT)
    assert len(key) == LENGTH == 52
    assert set(key) <= set(string.ascii_letters + string.digits + "-_")
    assert KEYS.verify(key, StreamId(stream_id), version, SALT)


def test_keys_of_many_streams_and_versions_all_differ() -> None:
    keys = {KEYS.issue(StreamId(stream_id), version, SALT) for stream_id in range(1, 300) for version in (1, 2, 3)}
    assert len(keys) == 299 * 3


@pytest.mark.parametrize(
    "key",
    [
        KEYS.issue(StreamId(8), 1, SALT),
        KEYS.issue(SEVEN, 2, SALT),
        StreamKeys(Keyring((Secret("a", b"the secret of some other server!"),))).issue(SEVEN, 1, SALT),
        StreamKeys(Keyring((Secret("b", SECRET.value),))).issue(SEVEN, 1, SALT),
        "b" + KEY[1:],
        KEY[:-1],
        KEY[1:],
        KEY[:1],
        "",
        KEY + "=",
        KEY + KEY,
        f" {KEY[1:]}",
        f"{KEY[:-1]}\n",
        KEY.swapcase(),
        "a" + "\0" * 51,
        "a" + "é" * 51,
        "é" + KEY[1:],
        KEY[:-1] + "\udcff",
        "a" * 52,
        KEYS.issue(SEVEN, 1, b"salt 8"),
        KEY[:1] + KEYS.issue(SEVEN, 1, b"salt 8")[1:9] + KEY[9:],
        KEYS.issue(SEVEN, 1, b"salt 8")[:9] + KEY[9:],
    ],
)
def test_nothing_but_the_very_key_passes(key: str) -> None:
    assert not KEYS.verify(key, SEVEN, 1, SALT)


def test_every_character_counts() -> None:
    for at, character in enumerate(KEY):
        other = "A" if character != "A" else "B"
        assert not KEYS.verify(KEY[:at] + other + KEY[at + 1 :], SEVEN, 1, SALT), at


def test_after_a_rotation_the_new_secret_signs_and_the_old_ones_still_verify() -> None:
    new, old = Secret("n", b"new" * 11), Secret("o", b"old" * 11)
    before, after = StreamKeys(Keyring((old,))), StreamKeys(Keyring((new, old)))
    assert after.issue(SEVEN, 1, SALT)[0] == "n"
    assert after.verify(after.issue(SEVEN, 1, SALT), SEVEN, 1, SALT)
    assert after.verify(before.issue(SEVEN, 1, SALT), SEVEN, 1, SALT)
    assert not before.verify(after.issue(SEVEN, 1, SALT), SEVEN, 1, SALT)
    dropped = StreamKeys(Keyring((new,)))
    assert not dropped.verify(before.issue(SEVEN, 1, SALT), SEVEN, 1, SALT)


def test_the_salt_travels_in_the_key_and_is_signed() -> None:
    """Who has not heard of the stream can tell keys of ours from others."""
    other_row = KEYS.issue(SEVEN, 1, b"salt 8")
    assert KEYS.made_by_us(KEY, SEVEN, 1)
    assert KEYS.made_by_us(other_row, SEVEN, 1)
    assert not KEYS.verify(other_row, SEVEN, 1, SALT)
    forged = [KEY[:1] + other_row[1:9] + KEY[9:], KEY[:1] + "é" * 8 + KEY[9:], KEY[:1] + "+/+/+/+/" + KEY[9:]]
    forged += [KEY[:1] + "=" * 8 + KEY[9:], "b" + KEY[1:], KEY[:-1], "", "a" * 52]
    for key in forged:
        assert not KEYS.made_by_us(key, SEVEN, 1), key
    assert not KEYS.made_by_us(KEY, StreamId(8), 1)
    assert not KEYS.made_by_us(KEY, SEVEN, 2)
