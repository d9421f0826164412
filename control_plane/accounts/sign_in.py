"""Sign-in and sign-up: find the account that a client's claims identify, or create one.

A claim counts only if it is proven. In production a provider's own token proves it (`Prover`); a name, an address or an
id that a client sends proves nothing. Development mode accepts every claim, so that the apps run against a laptop.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from control_plane.accounts import store
from control_plane.accounts.passwords import hash_password
from control_plane.accounts.sessions import AccountBlocked, Sessions
from control_plane.accounts.user import AlreadyTaken, Identity, NewUser, OwnUser
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database

DEV_PREFIX = "dev:"
LARGEST_INDEXED = 1280
"""Bytes: 320 characters of any script. PostgreSQL refuses an index row of more than 2704 bytes, and an index row has at
most two such texts."""
_USERNAME = re.compile(r"[\w.\-]{1,40}")


class NotRegistered(ControlPlaneError):
    """No account matches the claims. The app opens its registration screen."""

    code = "not_registered"
    kind = ErrorKind.REFUSED


class InvalidUsername(ControlPlaneError):
    code = "invalid_username"
    kind = ErrorKind.REFUSED


def check_indexed(field: str, text: str) -> None:
    """Check the length of a text that the database indexes. Raises ClaimTooLong."""
    if len(text.encode()) > LARGEST_INDEXED:
        raise ClaimTooLong(f"{field} is too long.")


def check_username(username: str) -> None:
    """Raises InvalidUsername."""
    if not _USERNAME.fullmatch(username):
        raise InvalidUsername("A username has 1 to 40 letters, digits, dots, dashes and underscores, and no spaces.")
    if username.isdigit():  # digits of any script
        raise InvalidUsername("A username must not be a number, because numbers are user ids.")


class ClaimTooLong(ControlPlaneError):
    """A text is longer than its database index accepts."""

    code = "claim_too_long"
    kind = ErrorKind.REFUSED


class SignInNotProven(ControlPlaneError):
    """No provider proves the claims, and this is not development mode."""

    code = "sign_in_not_proven"
    kind = ErrorKind.FORBIDDEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a client claims about its user. Empty text: not given."""

    auth_token: str = ""
    social: str = ""
    social_id: str = ""
    username: str = ""
    first_name: str = ""
    last_name: str = ""
    gender: str = ""
    dob: dt.date | None = None
    email: str = ""
    phone: str = ""
    password: str = ""
    profile_pic: str = ""
    referral_code: str = ""
    device_token: str = ""


class Prover(Protocol):
    """Verifies a sign-in provider's token with that provider's published keys."""

    async def prove(self, claims: Claims) -> Sequence[Identity]:
        """The identities that the token proves. Empty: the token is not from this provider."""
        ...


class UnprovenClaims:
    """Development mode: accepts every claimed identity without proof. The token `dev:<name>` signs in as that
    username."""

    async def prove(self, claims: Claims) -> Sequence[Identity]:
        ways = []
        if claims.auth_token.startswith(DEV_PREFIX):
            if name := claims.auth_token.removeprefix(DEV_PREFIX).strip().lower():
                ways.append(Identity("dev", name))
        elif (
            claims.auth_token and claims.auth_token.count(".") != 2
        ):  # two dots: an expired session token, which is no identity
            ways.append(Identity("uid", claims.auth_token))
        if claims.social and claims.social_id:
            ways.append(Identity(claims.social.lower(), claims.social_id))
        return ways


class SignIn:
    """`believes_claims` (development mode): create accounts from unproven claims."""

    def __init__(
        self, database: Database, sessions: Sessions, provers: Sequence[Prover], *, believes_claims: bool
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._provers = provers
        self._believes_claims = believes_claims

    async def sign_in(self, claims: Claims) -> OwnUser:
        """Find or create the account. Raises NotRegistered, AlreadyTaken, InvalidUsername, ClaimTooLong,
        SignInNotProven and AccountBlocked."""
        if claims.auth_token and (caller := await self._sessions.identify(claims.auth_token)) is not None:
            return _allowed(await store.own_by_id(self._database, caller.user_id))
        proven = [identity for prover in self._provers for identity in await prover.prove(claims)]
        for identity in proven:
            own = await store.own_by_identity(self._database, identity)
            if own is not None:
                return _allowed(own)
            if identity.provider == "dev":
                return await self._by_name(identity)
        if not proven and not self._believes_claims:
            raise SignInNotProven("Please sign in with a provider that this server is set up for.")
        if claims.username or claims.dob is not None:
            return await self._create(claims, proven)
        if claims.auth_token and not claims.social_id and proven:
            return await self._create(claims, proven)
        raise NotRegistered("Open registration screen.")

    async def _by_name(self, identity: Identity) -> OwnUser:
        """Development mode: the existing user with that name, else a new one."""
        own = await store.own_by_username(self._database, identity.subject)
        if own is None:
            return await self._create(Claims(username=identity.subject), [identity])
        return _allowed(own)

    async def _create(self, claims: Claims, identities: Sequence[Identity]) -> OwnUser:
        username = claims.username.lstrip("@") or f"user{secrets.randbelow(10**9):09}"
        check_username(username)
        check_indexed("email", claims.email)
        check_indexed("phone", claims.phone)
        for identity in identities:
            check_indexed("auth_token" if identity.provider == "uid" else "social_id", identity.subject)
            check_indexed("social", identity.provider)
        new = NewUser(
            username=username,
            first_name=claims.first_name,
            last_name=claims.last_name,
            gender=claims.gender,
            dob=claims.dob,
            email=claims.email,
            phone=claims.phone,
            password_hash=await hash_password(claims.password) if claims.password else None,
            social=claims.social,
            social_id=claims.social_id,
            profile_pic=claims.profile_pic,
            referral_code=claims.referral_code,
            device_token=claims.device_token,
        )
        try:
            async with self._database.connection() as connection:
                user_id = await store.create(connection, new, identities)
        except AlreadyTaken:
            for identity in identities:  # a concurrent call with the same identity may have created the account
                made = await store.own_by_identity(self._database, identity)
                if made is not None:
                    return _allowed(made)
            raise
        return _allowed(await store.own_by_id(self._database, user_id))


def _allowed(own: OwnUser | None) -> OwnUser:
    if own is None:
        raise NotRegistered("Open registration screen.")
    if own.user.banned_at is not None:
        raise AccountBlocked
    return own
