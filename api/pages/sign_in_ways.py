"""The ways to sign in on our pages without a provider. To add one, add a row to `WAYS` and a form of its name to
`static/sign_in_form.js`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from api.contract.platform import Platform
from control_plane.accounts.caller import Use
from control_plane.accounts.claims import Claims, Requester
from control_plane.accounts.sign_in import DEV_PREFIX
from control_plane.accounts.user import OwnUser
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.delivery.contacts import any_contact


class InvalidToken(ControlPlaneError):
    code = "invalid_token"
    kind = ErrorKind.NOT_SIGNED_IN

    def __init__(self) -> None:
        super().__init__("This session token is not valid here. Get a new one.")


@dataclass(frozen=True, slots=True)
class Visit:
    """The browser: as the list of sessions shows it, and as the limits of codes and passwords count it."""

    use: Use
    requester: Requester


Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """`fields`: the keys of the request, of which the first one chooses this way. `enter` returns the user and a session
    token, or raises a ControlPlaneError."""

    name: str
    fields: tuple[str, ...]
    enter: Callable[[Platform, Values, Visit], Awaitable[tuple[OwnUser, str]]]
    is_offered: Callable[[Platform], bool] = lambda platform: True


async def _by_name(platform: Platform, values: Values, visit: Visit) -> tuple[OwnUser, str]:
    return await platform.accounts.sign_in.enter(Claims(auth_token=f"{DEV_PREFIX}{values['name']}"), visit.use)


async def _by_code(platform: Platform, values: Values, visit: Visit) -> tuple[OwnUser, str]:
    """An address without an account gets one, with a name that its user can change."""
    contact = any_contact(values["code_of"])
    claims = Claims(
        email=contact.email, phone=contact.phone, code=values["code"], requester=visit.requester, makes_account=True
    )
    return await platform.accounts.sign_in.enter(claims, visit.use)


async def _by_password(platform: Platform, values: Values, visit: Visit) -> tuple[OwnUser, str]:
    user_id = await platform.accounts.passwords.sign_in(values["login"], values["password"], visit.requester)
    return await platform.accounts.sign_in.enter_as(user_id, visit.use)


async def _by_new_password(platform: Platform, values: Values, visit: Visit) -> tuple[OwnUser, str]:
    """With the code of a forgotten password."""
    contact = any_contact(values["reset_of"])
    user_id = await platform.accounts.passwords.reset(contact, values["code"], values["password"], visit.requester)
    return await platform.accounts.sign_in.enter_as(user_id, visit.use)


async def _by_token(platform: Platform, values: Values, visit: Visit) -> tuple[OwnUser, str]:
    token = values["auth_token"]
    if await platform.accounts.sessions.identify(token) is None:
        raise InvalidToken
    return await platform.accounts.sign_in.enter(Claims(auth_token=token), visit.use)


def _is_dev(platform: Platform) -> bool:
    return platform.settings.dev


def _can_send(platform: Platform) -> bool:
    return bool(platform.accounts.messenger.channels)


WAYS = (
    Way("name", ("name",), _by_name, _is_dev),
    Way("code", ("code_of", "code"), _by_code, _can_send),
    Way("password", ("login", "password"), _by_password),
    Way("reset", ("reset_of", "code", "password"), _by_new_password, _can_send),
    Way("token", ("auth_token",), _by_token),
)
"""In the order in which the form offers them."""
