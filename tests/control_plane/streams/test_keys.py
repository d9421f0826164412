"""Stream keys: whoever has the secret can check one, and only the very key passes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import string
import time

import pytest

from control_plane.ids import LARGEST_ID, StreamId, UserId
from control_plane.secrets import Keyring, Secret
from control_plane.streams.keys import LENGTH, StreamKeys
from tests.control_plane.streams.samples import KEYS, SECRET

SEVEN = StreamId(7)
KEY = KEYS.issue(SEVEN, 1)


def test_a_key_is_what_other_releases_made_of_the_same_secret() -> None:
    """Broadcasters keep keys in their encoders."""
    signed = b"publish/v1\0" + (7).to_bytes(8, "big") + (1).to_bytes(4, "big")
    digest = hmac.new(SECRET.value, signed, hashlib.sha256).digest()
    assert "a" + base64.urlsafe_b64encode(digest).decode().rstrip("=") == KEY


@pytest.mark.parametrize("stream_id", [1, 7, LARGEST_ID])
@pytest.mark.parametrize("version", [1, 2, 2**31 - 1])
def test_a_key_fits_into_a_url_and_opens_its_stream(stream_id: int, version: int) -> None:
    key = KEYS.issue(StreamId(stream_id), version)
    assert len(key) == LENGTH == 44
    assert set(key) <= set(string.ascii_letters + string.digits + "-_")
    assert KEYS.verify(key, StreamId(stream_id), version)


def test_keys_of_many_streams_and_versions_all_differ() -> None:
    keys = {KEYS.issue(StreamId(stream_id), version) for stream_id in range(1, 300) for version in (1, 2, 3)}
    assert len(keys) == 299 * 3


@pytest.mark.parametrize(
    "key",
    [
        KEYS.issue(StreamId(8), 1),
        KEYS.issue(SEVEN, 2),
        StreamKeys(Keyring((Secret("a", b"the secret of some other server!"),))).issue(SEVEN, 1),
        StreamKeys(Keyring((Secret("b", SECRET.value),))).issue(SEVEN, 1),
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
        "a" + "\0" * 43,
        "a" + "é" * 43,
        "é" + KEY[1:],
        KEY[:-1] + "\udcff",
        "a" * 44,
    ],
)
def test_nothing_but_the_very_key_passes(key: str) -> None:
    assert not KEYS.verify(key, SEVEN, 1)


def test_every_character_counts() -> None:
    for at, character in enumerate(KEY):
        other = "A" if character != "A" else "B"
        assert not KEYS.verify(KEY[:at] + other + KEY[at + 1 :], SEVEN, 1), at


def test_after_a_rotation_the_new_secret_signs_and_the_old_ones_still_verify() -> None:
    new, old = Secret("n", b"new" * 11), Secret("o", b"old" * 11)
    before, after = StreamKeys(Keyring((old,))), StreamKeys(Keyring((new, old)))
    assert after.issue(SEVEN, 1)[0] == "n"
    assert after.verify(after.issue(SEVEN, 1), SEVEN, 1)
    assert after.verify(before.issue(SEVEN, 1), SEVEN, 1)
    assert not before.verify(after.issue(SEVEN, 1), SEVEN, 1)
    dropped = StreamKeys(Keyring((new,)))
    assert not dropped.verify(before.issue(SEVEN, 1), SEVEN, 1)


def test_the_kept_form_of_a_pin_depends_on_the_secret_and_the_user() -> None:
    other = StreamKeys(Keyring((Secret("b", b"b" * 32),)))
    kept = {KEYS.pin_hash(UserId(7), "1234"), KEYS.pin_hash(UserId(8), "1234"), KEYS.pin_hash(UserId(7), "1235")}
    assert len({*kept, other.pin_hash(UserId(7), "1234")}) == 4
    assert KEYS.pin_hash(UserId(7), "1234") in kept
    assert not any("1234" in one for one in kept)


def test_a_pin_costs_no_more_than_a_key() -> None:
    """A slow hash is a way to hold all of the server's processors: this many took minutes."""
    started = time.process_time()
    for number in range(1000):
        KEYS.pin_hash(UserId(7), f"{number:04}")
    assert time.process_time() - started < 5
