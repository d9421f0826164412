"""Probes may read streams that are not public, with a key for one stream that is valid for a minute or two."""

from __future__ import annotations

from itertools import product

import pytest

from control_plane.base.ids import LARGEST_ID, StreamId
from control_plane.base.signing import Keyring, Secret
from control_plane.streams.access import AccessRequest, Action, Verdict, decide
from control_plane.streams.model import Status, Visibility
from control_plane.streams.probing.keys import LIFE_S, ProbeKeys
from tests.control_plane.streams.samples import KEYS, SALT, SECRET, stream

NOW = 1_769_860_830.0
SEVEN = StreamId(7)


def keys_at(now: float, *secrets: Secret) -> ProbeKeys:
    return ProbeKeys(Keyring(secrets or (SECRET,)), lambda: now)


KEY = keys_at(NOW).issue(SEVEN, SALT)
NOT_PUBLIC = [visibility for visibility in Visibility if visibility is not Visibility.PUBLIC]
WRONG = {
    "none": None,
    "empty": "",
    "text": "let me in",
    "of another stream": keys_at(NOW).issue(StreamId(8), SALT),
    "too old": keys_at(NOW - 2 * LIFE_S).issue(SEVEN, SALT),
    "not yet valid": keys_at(NOW + LIFE_S).issue(SEVEN, SALT),
    "of another server": keys_at(NOW, Secret("a", b"the secret of some other server!")).issue(SEVEN, SALT),
    "of another row with the same id": keys_at(NOW).issue(SEVEN, b"salt 8"),
    "the publisher's": KEYS.issue(SEVEN, 1, SALT),
}


def verdict(action: Action, visibility: Visibility, key: str | None, now: float = NOW) -> Verdict:
    known = stream(visibility=visibility, status=Status.LIVE, source_id="a")
    return decide(
        AccessRequest(action, known.path, () if key is None else (key,)),
        known,
        KEYS,
        current=True,
        probe_keys=keys_at(now),
    )


@pytest.mark.parametrize("visibility", Visibility)
def test_a_probe_key_reads_every_stream_and_publishes_to_none(visibility: Visibility) -> None:
    assert verdict(Action.READ, visibility, KEY) is Verdict.ALLOW
    assert verdict(Action.PUBLISH, visibility, KEY) is Verdict.KEY_WRONG


@pytest.mark.parametrize(("visibility", "what"), list(product(NOT_PUBLIC, WRONG)))
def test_nothing_else_reads_what_is_not_public(visibility: Visibility, what: str) -> None:
    assert verdict(Action.READ, visibility, WRONG[what]) is Verdict.NOT_PUBLIC


def test_without_probes_nothing_is_let_in_by_such_a_key() -> None:
    known = stream(visibility=Visibility.PRIVATE)
    assert decide(AccessRequest(Action.READ, known.path, (KEY,)), known, KEYS, current=True) is Verdict.NOT_PUBLIC


def test_a_key_lives_for_one_to_two_minutes() -> None:
    made = [keys_at(NOW + at).issue(SEVEN, SALT) for at in range(LIFE_S)]
    for at, key in enumerate(made):
        passes = [keys_at(NOW + at + later).verify(key, SEVEN, SALT) for later in range(3 * LIFE_S)]
        assert all(passes[: LIFE_S + 1])
        assert not any(passes[2 * LIFE_S :])


@pytest.mark.parametrize("key", [KEY[:-1], KEY[1:], KEY + "=", "b" + KEY[1:], "é" + KEY[1:], KEY.swapcase(), "a" * 44])
def test_nothing_but_the_very_key_passes(key: str) -> None:
    assert not keys_at(NOW).verify(key, SEVEN, SALT)


def test_after_a_rotation_the_old_secret_still_verifies() -> None:
    new = Secret("n", b"new" * 11)
    assert keys_at(NOW, new, SECRET).verify(KEY, SEVEN, SALT)
    assert keys_at(NOW, new, SECRET).issue(SEVEN, SALT)[0] == "n"
    assert not keys_at(NOW, new).verify(KEY, SEVEN, SALT)


def test_the_largest_id_has_a_key() -> None:
    assert keys_at(NOW).verify(keys_at(NOW).issue(StreamId(LARGEST_ID), SALT), StreamId(LARGEST_ID), SALT)
