"""The secrets file: secrets by purpose, with rotation, the apps' API keys, and the key of push messages to browsers.

Each purpose has a keyring: the first secret signs or encrypts, all verify or decrypt. The file has mode 0600; the first
start creates it. The database keeps fingerprints, so that a server with other secrets refuses to start. Otherwise it
would invalidate every session and stream key.
"""

from __future__ import annotations

import base64
import dataclasses
import fcntl
import json
import os
import secrets
import string
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from control_plane.base import private_file
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.signing import Keyring, Secret

KEPT = 8
"""Secrets per purpose, including the newest. Fewer: several rotations between two starts invalidate what the running
server still signs. More: old tokens stay valid for longer."""
KEY_IDS = string.ascii_letters + string.digits
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
IOS_UPLOAD = "ios_upload"
"""The iOS app sends its uploads with another API key."""
API_KEYS = ("ios", "android", "android_kt", "document", IOS_UPLOAD)


class Purpose(StrEnum):
    PUBLISH = "publish"
    SESSION = "session"
    PLAYBACK = "playback"
    HOOK = "hook"
    SANDBOX = "sandbox"
    PAYOUT = "payout"
    """Encrypts the addresses that payouts go to."""


ADDED = {Purpose.PAYOUT}
"""Purposes that the file of an older release may lack."""


class UnusableSecrets(ControlPlaneError):
    """The secrets file cannot be read or written, is damaged, or belongs to another database."""

    code = "unusable_secrets"
    kind = ErrorKind.STOPS


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    keyrings: Mapping[Purpose, Keyring]
    api_keys: Mapping[str, str]
    """By client, and that of iOS' uploads, which is missing in the file of an older release. A setting (`LIVE_API_KEY_…`) takes precedence."""
    web_push_key: str
    """The VAPID private key: 32 bytes in base64url. It is not rotated, because browsers subscribe to it. A setting takes
    precedence. Empty in the file of an older release."""

    def __getitem__(self, purpose: Purpose) -> Keyring:
        return self.keyrings[purpose]


def load_or_create(path: Path) -> Secrets:
    """Load the file, or create it. Processes that start at the same time get the same secrets.

    Raises UnusableSecrets, whose text names the file and never quotes its content.
    """
    while (found := load(path)) is None:
        made = _generate()
        with _writing(path):
            if private_file.create(path, _text(made)):
                return made
    return found if _is_complete(found) else _completed(path, found)


def _is_complete(found: Secrets) -> bool:
    return bool(found.web_push_key) and set(found.keyrings) == set(Purpose) and set(found.api_keys) == set(API_KEYS)


def _completed(path: Path, found: Secrets) -> Secrets:
    """Add what the file of an older release lacks. Processes that start at the same time add it once: what the one whose
    file lost had encrypted could never be read."""
    with _writing(path), _only_one(path.parent):
        found = load(path) or found
        if not _is_complete(found):
            rings = {purpose: found.keyrings.get(purpose) or Keyring((_new_secret(set()),)) for purpose in Purpose}
            key = found.web_push_key or _new_web_push_key()
            api_keys = {IOS_UPLOAD: _new_api_key(), **found.api_keys}
            found = dataclasses.replace(found, keyrings=rings, api_keys=api_keys, web_push_key=key)
            private_file.replace(path, _text(found))
    return found


def load(path: Path) -> Secrets | None:
    """None: there is no file. Raises UnusableSecrets."""
    try:
        return _parse(json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnusableSecrets(f"The secrets file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnusableSecrets(f"The secrets file {path} is damaged: restore it from your backup.") from None


def rotate(
    path: Path, purposes: tuple[Purpose, ...] = tuple(Purpose), payout_keys_in_use: Collection[str] = ()
) -> Secrets:
    """Add a new secret and keep the newest old ones (KEPT) for verification. Takes effect at the next start.
    `payout_keys_in_use`: ids of secrets that payout addresses are encrypted with; they are kept, however old.

    Raises UnusableSecrets.
    """
    old = load_or_create(path)
    rings = dict(old.keyrings)
    for purpose in purposes:
        in_use = payout_keys_in_use if purpose is Purpose.PAYOUT else ()
        kept = tuple(
            secret for age, secret in enumerate(rings[purpose].secrets) if age < KEPT - 1 or secret.key_id in in_use
        )
        rings[purpose] = Keyring((_new_secret({secret.key_id for secret in kept}), *kept))
    rotated = dataclasses.replace(old, keyrings=rings)
    with _writing(path):
        private_file.replace(path, _text(rotated))
    return rotated


def _generate() -> Secrets:
    rings = {purpose: Keyring((_new_secret(set()),)) for purpose in Purpose}
    return Secrets(rings, {name: _new_api_key() for name in API_KEYS}, _new_web_push_key())


def _new_secret(taken: set[str]) -> Secret:
    return Secret(secrets.choice([key_id for key_id in KEY_IDS if key_id not in taken]), secrets.token_bytes(32))


def _new_api_key() -> str:
    return secrets.token_urlsafe(18)


def _new_web_push_key() -> str:
    """A private key of the curve P-256 is a number below its order, and nearly every number of 32 bytes is."""
    number = 1 + secrets.randbelow(_P256_ORDER - 1)
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


def _parse(stored: dict[str, Any]) -> Secrets:
    rings = {}
    for purpose in Purpose:
        if purpose in ADDED and purpose.value not in stored:
            continue
        entries = stored[purpose.value]
        ring = Keyring(tuple(Secret(entry["id"], bytes.fromhex(entry["secret"])) for entry in entries))
        if not ring.secrets or any(len(s.key_id) != 1 or len(s.value) < 16 for s in ring.secrets):
            raise ValueError
        rings[purpose] = ring
    api_keys = {
        name: str(stored["api_keys"][name]) for name in API_KEYS if name != IOS_UPLOAD or name in stored["api_keys"]
    }
    return Secrets(rings, api_keys, str(stored.get("web_push_key", "")))


def _text(made: Secrets) -> str:
    stored: dict[str, Any] = {
        purpose.value: [{"id": secret.key_id, "secret": secret.value.hex()} for secret in ring.secrets]
        for purpose, ring in made.keyrings.items()
    }
    stored["api_keys"] = dict(made.api_keys)
    stored["web_push_key"] = made.web_push_key
    return json.dumps(stored, indent=2)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Wait for other processes that are here."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnusableSecrets(f"The secrets file {path} cannot be written: {error.strerror}.") from None
