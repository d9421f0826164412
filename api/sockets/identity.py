"""Who a socket belongs to: session tokens of the upgrade request, and callers by their tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.sockets.connection import Disconnect
from api.sockets.frames import CloseCode
from control_plane.accounts.caller import Caller
from control_plane.base.errors import ControlPlaneError
from control_plane.db.pool import DatabaseUnavailable

Identify = Callable[[str], Awaitable[Caller | None]]
"""Session token → caller, or None if the token is not valid. Raises DatabaseUnavailable, and another ControlPlaneError
for a user who is banned."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Session tokens sent with the upgrade request."""

    bearer: str | None
    """From the `Authorization` header. A token that is not valid closes the socket."""
    page: str | None
    """From the page's cookie. Browsers send it always, so a token that is not valid makes the caller a guest."""


async def known(identify: Identify, token: str) -> Caller:
    """Raises Disconnect if the token is not valid or the user is banned."""
    caller = await whose(identify, token)
    if caller is None:
        raise Disconnect(CloseCode.SIGN_IN)
    return caller


async def whose(identify: Identify, token: str) -> Caller | None:
    """None if the token is not valid. Raises Disconnect if the user is banned."""
    try:
        return await identify(token)
    except DatabaseUnavailable:
        raise
    except ControlPlaneError:  # the user is banned
        raise Disconnect(CloseCode.FORBIDDEN) from None
