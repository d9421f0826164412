"""The signing secrets: created once, rotated without invalidating sessions, and bound to their database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from control_plane.base.signing import Keyring, Secret
from control_plane.config.secrets import API_KEYS, KEPT, Purpose, Secrets, UnusableSecrets, load_or_create, rotate
from control_plane.db.fingerprints import check_against_database
from control_plane.db.pool import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "secrets.json"


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def content(secrets: Secrets) -> dict[str, Any]:
    rings: dict[str, Any] = {
        purpose: [(s.key_id, s.value) for s in ring.secrets] for purpose, ring in secrets.keyrings.items()
    }
    return {**rings, "api_keys": dict(secrets.api_keys), "web_push_key": secrets.web_push_key}


@pytest.mark.usefixtures("careless_umask")
def test_only_its_owner_may_read_the_file(path: Path) -> None:
    load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    rotate(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secrets.json"], "nothing is left beside it"


def test_secrets_are_made_once(path: Path) -> None:
    made = load_or_create(path)
    stored = path.read_bytes()
    assert content(load_or_create(path)) == content(made)
    assert path.read_bytes() == stored
    assert set(made.keyrings) == set(Purpose)
    assert set(made.api_keys) == set(API_KEYS)
    values = [made[purpose].signing.value for purpose in Purpose] + [key.encode() for key in made.api_keys.values()]
    assert len(set(values)) == len(values), "no two are the same"
    assert min(map(len, values)) >= 18


def test_processes_that_start_at_once_get_the_same_secrets(tmp_path: Path) -> None:
    """The one whose file lost would sign with secrets that the database of both does not know."""
    together = threading.Barrier(4)

    def start(path: Path) -> dict[str, Any]:
        together.wait(10)
        return content(load_or_create(path))

    with ThreadPoolExecutor(4) as threads:
        for number in range(20):
            path = tmp_path / str(number) / "secrets.json"
            first, *others = threads.map(start, [path] * 4)
            assert others == [first] * 3
            assert content(load_or_create(path)) == first
            assert [entry.name for entry in path.parent.iterdir()] == ["secrets.json"]


@pytest.mark.parametrize("dies_at", ["fsync", "link"])
def test_a_start_that_is_killed_leaves_no_half_file(path: Path, dies_at: str) -> None:
    code = f"import os, pathlib, sys; from control_plane.config import secrets; os.{dies_at} = lambda *_: os._exit(9)\n"
    code += "secrets.load_or_create(pathlib.Path(sys.argv[1]))"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60).returncode == 9
    assert not path.exists()
    assert content(load_or_create(path)) == content(load_or_create(path))


def test_two_installations_share_nothing(tmp_path: Path) -> None:
    one, other = load_or_create(tmp_path / "one.json"), load_or_create(tmp_path / "other.json")
    for purpose in Purpose:
        assert one[purpose].signing.value != other[purpose].signing.value
    assert not set(one.api_keys.values()) & set(other.api_keys.values())


def test_a_file_without_the_payout_secret_gets_one_from_processes_that_start_at_once(tmp_path: Path) -> None:
    """Were there two, what is encrypted with the lost one could not be read."""
    together = threading.Barrier(4)

    def start(path: Path) -> dict[str, Any]:
        together.wait(10)
        return content(load_or_create(path))

    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            path = tmp_path / str(number) / "secrets.json"
            old = content(load_or_create(path))
            path.write_text(json.dumps(_without(json.loads(path.read_text()), "payout")))
            first, *others = threads.map(start, [path] * 4)
            assert others == [first] * 3
            assert content(load_or_create(path)) == first
            assert first["payout"]
            assert first["payout"] != old["payout"]
            assert _without(first, "payout") == _without(old, "payout")
            assert [entry.name for entry in path.parent.iterdir()] == ["secrets.json"]


def test_a_payout_secret_that_is_in_use_is_never_rotated_out(path: Path) -> None:
    first = load_or_create(path)[Purpose.PAYOUT].signing
    for _ in range(2 * KEPT):
        rotated = rotate(path, payout_keys_in_use={first.key_id})
    assert rotated[Purpose.PAYOUT].get(first.key_id) == first
    assert len(rotated[Purpose.PAYOUT].secrets) == KEPT + 1
    assert len(rotated[Purpose.SESSION].secrets) == KEPT
    assert rotate(path)[Purpose.PAYOUT].get(first.key_id) is None


def test_the_file_of_an_earlier_release_gets_the_key_of_uploads_and_keeps_the_rest(path: Path) -> None:
    old = load_or_create(path)
    stored = json.loads(path.read_text())
    del stored["api_keys"]["ios_upload"]
    path.write_text(json.dumps(stored))
    found = load_or_create(path)
    assert found.api_keys.keys() == old.api_keys.keys()
    assert {**found.api_keys, "ios_upload": old.api_keys["ios_upload"]} == old.api_keys
    assert load_or_create(path) == found
    assert rotate(path).api_keys == found.api_keys


def test_the_file_of_an_earlier_release_gets_the_key_of_push_and_keeps_the_rest(path: Path) -> None:
    """The key stays the same from then on, also when secrets are rotated: browsers subscribe to it."""
    old = content(load_or_create(path))
    stored = json.loads(path.read_text())
    del stored["web_push_key"]
    path.write_text(json.dumps(stored))
    found = content(load_or_create(path))
    assert found["web_push_key"]
    assert {**found, "web_push_key": ""} == {**old, "web_push_key": ""}
    assert content(load_or_create(path)) == found
    assert rotate(path).web_push_key == found["web_push_key"]
    assert path.stat().st_mode & 0o777 == 0o600


def _without(stored: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in stored.items() if key != name}


def _with_publish(stored: dict[str, Any], publish: Any) -> dict[str, Any]:
    return {**stored, "publish": publish}


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: [],
        lambda stored: None,
        lambda stored: {},
        lambda stored: _without(stored, "session"),
        lambda stored: _without(stored, "api_keys"),
        lambda stored: {**stored, "api_keys": {}},
        lambda stored: {**stored, "api_keys": []},
        lambda stored: _with_publish(stored, []),
        lambda stored: _with_publish(stored, None),
        lambda stored: _with_publish(stored, "abc"),
        lambda stored: _with_publish(stored, [{"id": "a"}]),
        lambda stored: _with_publish(stored, [{"id": "a", "secret": 5}]),
        lambda stored: _with_publish(stored, [{"id": "a", "secret": "no hex, but secret"}]),
        lambda stored: _with_publish(stored, [{"id": "a", "secret": "abcd"}]),
        lambda stored: _with_publish(stored, [{"id": "ab", "secret": "ab" * 32}]),
        lambda stored: _with_publish(stored, [{"id": "", "secret": "ab" * 32}]),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(path: Path, damage: Any) -> None:
    load_or_create(path)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    damaged = path.read_bytes()
    for use in (load_or_create, rotate):
        with pytest.raises(UnusableSecrets) as refused:
            use(path)
        assert str(refused.value) == f"The secrets file {path} is damaged: restore it from your backup."
        assert path.read_bytes() == damaged


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_not_json_is_damaged(path: Path, damaged: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damaged)
    with pytest.raises(UnusableSecrets, match="is damaged"):
        load_or_create(path)


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(UnusableSecrets) as refused:
        load_or_create(path)
    assert str(refused.value) == f"The secrets file {path} cannot be read: Is a directory."


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "secrets.json"
    with pytest.raises(UnusableSecrets) as refused:
        load_or_create(path)
    assert str(refused.value) == f"The secrets file {path} cannot be read: Not a directory."


def test_the_repr_holds_no_secret(path: Path) -> None:
    secrets = load_or_create(path)
    ring = secrets[Purpose.PUBLISH]
    shown = f"{secrets!r} {ring!r} {ring.signing!r} {ring.signing}"
    for value in (repr(ring.signing.value), ring.signing.value.hex(), *secrets.api_keys.values()):
        assert value not in shown


def test_rotation_puts_a_new_secret_first_and_keeps_some_that_verify(path: Path) -> None:
    generations = [load_or_create(path)] + [rotate(path) for _ in range(KEPT + 1)]
    for purpose in Purpose:
        made = [secrets[purpose].signing.value for secrets in generations]
        assert len(set(made)) == KEPT + 2
        assert [secret.value for secret in generations[-1][purpose].secrets] == made[:1:-1]
    assert content(load_or_create(path)) == content(generations[-1])
    assert generations[-1].api_keys == generations[0].api_keys, "the apps carry these"


def test_one_purpose_can_be_rotated_alone(path: Path) -> None:
    before, after = load_or_create(path), rotate(path, (Purpose.SESSION,))
    changed = {purpose for purpose in Purpose if after[purpose] != before[purpose]}
    assert changed == {Purpose.SESSION}


def test_key_ids_tell_the_secrets_of_a_purpose_apart(path: Path) -> None:
    for _ in range(100):
        ring = rotate(path, (Purpose.PUBLISH,))[Purpose.PUBLISH]
        key_ids = [secret.key_id for secret in ring.secrets]
        assert len(set(key_ids)) == len(key_ids)
        assert all(len(key_id) == 1 and key_id.isascii() and key_id.isalnum() for key_id in key_ids)
        assert [ring.get(key_id) for key_id in key_ids] == list(ring.secrets)
        assert ring.get("-") is None


# ── the database that they belong to ──


def made_of(*publish: tuple[str, int]) -> Secrets:
    """Secrets that differ in one purpose only: (key id, number of the secret), the newest first."""
    same = Keyring((Secret("s", b"s" * 32),))
    ring = Keyring(tuple(Secret(key_id, bytes([number]) * 32) for key_id, number in publish))
    return Secrets({**dict.fromkeys(Purpose, same), Purpose.PUBLISH: ring}, {}, "")


async def remembered(database: Database) -> set[tuple[str, bytes]]:
    rows = await database.fetch("select key_id, fingerprint from secret_fingerprint where purpose = 'publish'")
    return {(row["key_id"], row["fingerprint"]) for row in rows}


async def test_the_database_knows_its_secrets_again_and_refuses_others(database: Database, tmp_path: Path) -> None:
    mine = load_or_create(tmp_path / "mine.json")
    await check_against_database(mine, database)
    await check_against_database(load_or_create(tmp_path / "mine.json"), database)
    known = await remembered(database)
    with pytest.raises(UnusableSecrets) as refused:
        await check_against_database(load_or_create(tmp_path / "other.json"), database)
    assert str(refused.value) == (
        "The secrets file does not belong to this database: its publish secrets are unknown there. "
        "Restore the file that was used with the database, or set LIVE_SECRETS_FILE to it."
    )
    assert await remembered(database) == known, "a refused file leaves no trace"
    await check_against_database(mine, database)


async def test_one_foreign_purpose_is_enough_to_refuse(database: Database) -> None:
    await check_against_database(made_of(("a", 1)), database)
    with pytest.raises(UnusableSecrets, match="its publish secrets are unknown"):
        await check_against_database(made_of(("a", 2)), database)


async def test_rotated_secrets_are_accepted(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    await check_against_database(load_or_create(path), database)
    for _ in range(4):
        await check_against_database(rotate(path), database)
    rotate(path)
    await check_against_database(rotate(path), database)  # two rotations between two starts
    with pytest.raises(UnusableSecrets):
        await check_against_database(load_or_create(tmp_path / "other.json"), database)


async def test_only_fingerprints_of_the_present_secrets_are_kept(database: Database) -> None:
    first, second = Secret("a", b"\1" * 32), Secret("b", b"\2" * 32)
    await check_against_database(made_of(("a", 1)), database)
    await check_against_database(made_of(("b", 2), ("a", 1)), database)
    assert await remembered(database) == {("a", first.fingerprint()), ("b", second.fingerprint())}
    await check_against_database(made_of(("b", 2)), database)
    assert await remembered(database) == {("b", second.fingerprint())}
    assert second.value not in second.fingerprint()


async def test_a_key_id_that_is_used_again_stands_for_its_new_secret(database: Database) -> None:
    """Rotation may draw the id of the secret that it drops."""
    for ring in ([("a", 1)], [("b", 2), ("a", 1)], [("c", 3), ("b", 2), ("a", 1)], [("a", 4), ("c", 3), ("b", 2)]):
        await check_against_database(made_of(*ring), database)
    await check_against_database(made_of(("e", 6), ("d", 5), ("a", 4)), database)
