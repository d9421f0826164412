"""Password hashing (argon2id), off the event loop in a bounded thread pool."""

from __future__ import annotations

import asyncio
import functools
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from control_plane.base.errors import ControlPlaneError, ErrorKind

R = TypeVar("R")

MOST_WAITING = 40
"""Passwords that are hashed or wait for it. Fewer: sign-ins are refused during a short peak. More: under a flood, users
wait for longer than apps do."""

hasher = PasswordHasher()
# Each hash takes 64 MiB. More workers use more memory at once, fewer make sign-ups wait longer.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")
_waiting: set[Future[Any]] = set()


class PasswordsBusy(ControlPlaneError):
    """Too many passwords wait to be hashed."""

    code = "passwords_busy"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Please try again in a moment.")


@dataclass(frozen=True, slots=True)
class Verdict:
    is_right: bool
    rehashed: str = ""
    """The hash with the parameters of this release, if the stored one has others."""


async def hash_password(password: str) -> str:
    """Raises PasswordsBusy."""
    return await _in_a_thread(lambda: hasher.hash(_normal(password)))


async def verify_password(stored: str | None, password: str) -> Verdict:
    """None: there is no account or no password; it takes as long as a wrong password. Raises PasswordsBusy."""
    return await _in_a_thread(lambda: _verdict(stored, _normal(password)))


def check_room() -> None:
    """Raises PasswordsBusy. Call it before an attempt is counted, so that each counted attempt is verified."""
    if len(_waiting) >= MOST_WAITING:
        raise PasswordsBusy


async def _in_a_thread(work: Callable[[], R]) -> R:
    check_room()
    future = _threads.submit(work)
    _waiting.add(future)
    future.add_done_callback(_waiting.discard)
    return await asyncio.wrap_future(future)


def _normal(password: str) -> str:
    """Keyboards write the same letter in different ways."""
    return unicodedata.normalize("NFC", password)


def _verdict(stored: str | None, password: str) -> Verdict:
    unlike_any = _of_nobody()  # made by the first call, whether or not that has an account
    try:
        hasher.verify(stored or unlike_any, password)
    except (VerificationError, InvalidHashError):
        return Verdict(False)
    if stored is None:
        return Verdict(False)
    return Verdict(True, hasher.hash(password) if hasher.check_needs_rehash(stored) else "")


@functools.cache
def _of_nobody() -> str:
    return hasher.hash(secrets.token_hex())
