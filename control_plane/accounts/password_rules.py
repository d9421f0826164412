"""Which passwords may be chosen."""

from __future__ import annotations

from control_plane.accounts.common_passwords import COMMON_PASSWORDS
from control_plane.base.errors import ControlPlaneError, ErrorKind

SHORTEST, LONGEST = 8, 256
"""Characters. A shorter least length: easier to guess. A larger limit: more work for each attempt."""


class WeakPassword(ControlPlaneError):
    code = "weak_password"
    kind = ErrorKind.REFUSED


def check_password(password: str, *names: str) -> None:
    """`names`: the account's username, email address and phone number. Raises WeakPassword."""
    if len(password) < SHORTEST:
        raise WeakPassword(f"The password must have at least {SHORTEST} characters.")
    if len(password) > LONGEST:
        raise WeakPassword(f"The password may have at most {LONGEST} characters.")
    folded = password.casefold()
    if folded in COMMON_PASSWORDS or len(set(folded)) < 3:
        raise WeakPassword("This password is one of the most common ones. Please choose another one.")
    if folded in {part for name in names for part in (name.casefold(), name.casefold().partition("@")[0]) if part}:
        raise WeakPassword("The password must not be your username or your address. Please choose another one.")
