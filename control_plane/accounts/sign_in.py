"""Sign-in and sign-up: find the account that a client's claims identify, or create one.

A claim counts only if it is proven. In production a provider's own token proves it (`Prover`); a name, an address or an
id that a client sends proves nothing. Development mode accepts every claim, so that the apps run against a laptop.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Sequence

import msgspec

from control_plane.accounts import deletion_store, store
from control_plane.accounts.age import Ages
from control_plane.accounts.caller import Use
from control_plane.accounts.claims import Claims, Proof, Prover
from control_plane.accounts.codes import store as codes_store
from control_plane.accounts.codes.codes import WrongCode
from control_plane.accounts.password_hashing import hash_password
from control_plane.accounts.password_rules import check_password
from control_plane.accounts.profile_text import LONGEST_GENDER, LONGEST_NAME, one_line
from control_plane.accounts.sessions import AccountBlocked, Sessions
from control_plane.accounts.user import AlreadyTaken, Identity, NewUser, OwnUser, User
from control_plane.accounts.usernames import check_username
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

log = logging.getLogger(__name__)

DEV_PREFIX = "dev:"
LARGEST_INDEXED = 1280
"""Bytes: 320 characters of any script. PostgreSQL refuses an index row of more than 2704 bytes, and an index row has at
most two such texts."""


class NotRegistered(ControlPlaneError):
    """No account matches the claims. The app opens its registration screen."""

    code = "not_registered"
    kind = ErrorKind.REFUSED


def check_indexed(field: str, text: str) -> None:
    """Check the length of a text that the database indexes. Raises ClaimTooLong."""
    if len(text.encode()) > LARGEST_INDEXED:
        raise ClaimTooLong(f"{field} is too long.")


class ClaimTooLong(ControlPlaneError):
    """A text is longer than its database index accepts."""

    code = "claim_too_long"
    kind = ErrorKind.REFUSED


class SignInNotProven(ControlPlaneError):
    """No provider proves the claims, and this is not development mode."""

    code = "sign_in_not_proven"
    kind = ErrorKind.FORBIDDEN


class UnprovenClaims:
    """Development mode: accepts every claimed identity without proof. The token `dev:<name>` signs in as that
    username."""

    async def prove(self, claims: Claims) -> Sequence[Proof]:
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
        return [Proof(identity=way) for way in ways]


class SignIn:
    """`believes_claims` (development mode): create accounts from unproven claims."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        provers: Sequence[Prover],
        *,
        believes_claims: bool,
        ages: Ages = Ages(),  # noqa: B008  frozen
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._provers = provers
        self._believes_claims = believes_claims
        self._ages = ages
        self._clock = clock

    async def enter(self, claims: Claims, use: Use) -> tuple[OwnUser, str]:
        """Sign in, and return the user and a token: of the session of `claims.auth_token` if that is a token of ours,
        else of a new session. Raises what `sign_in` raises."""
        if claims.auth_token and (renewed := await self._sessions.renew(claims.auth_token)) is not None:
            caller, token = renewed
            return await self._allowed(caller.user_id), token
        own = await self.sign_in(claims)
        return own, await self._sessions.issue(own.user.id, use, claims.device_token)

    async def enter_as(self, user_id: UserId, use: Use, device_token: str = "") -> tuple[OwnUser, str]:
        """Sign in a user who is proven, such as by a password: the user, whose account comes back if it was deleted, and
        a token of a new session. Raises NotRegistered, AccountBlocked and UserNotFound."""
        return await self._allowed(user_id), await self._sessions.issue(user_id, use, device_token)

    async def come_back(self, user_id: UserId) -> User:
        """A user who is proven, and whose account comes back if it was deleted. Raises NotRegistered and
        AccountBlocked."""
        return (await self._allowed(user_id)).user

    async def sign_in(self, claims: Claims) -> OwnUser:
        """Find or create the account. Raises NotRegistered, AlreadyTaken, InvalidUsername, InvalidDateOfBirth, TooYoung,
        ClaimTooLong, SignInNotProven, AccountBlocked, WeakPassword, PasswordsBusy, WrongCode, and what the provers
        raise."""
        if claims.auth_token and (caller := await self._sessions.identify(claims.auth_token)) is not None:
            return await self._allowed(caller.user_id)
        proofs = [proof for prover in self._provers for proof in await prover.prove(claims)]
        for proof in proofs:
            own = await self._known(proof)
            if own is not None:
                return own
            if proof.identity is not None and proof.identity.provider == "dev":
                return await self._by_name(proof)
        if not proofs and not self._believes_claims:
            raise SignInNotProven("Please sign in with a provider that this server is set up for.")
        if claims.username or claims.dob is not None or (claims.makes_account and proofs):
            return await self._create(claims, proofs)
        if claims.auth_token and not claims.social_id and proofs:
            return await self._create(claims, proofs)
        raise NotRegistered("Open registration screen.")

    async def proven(self, claims: Claims) -> User:
        """The account that the claims prove, without signing in: no code is used up, and a deleted account stays deleted.
        Raises NotRegistered,
        SignInNotProven, AccountBlocked, WrongCode, and what the provers raise."""
        proofs = [proof for prover in self._provers for proof in await prover.prove(claims)]
        if not proofs:
            raise SignInNotProven("Please enter the code that was sent to this address, or sign in with a provider.")
        for proof in proofs:
            user_id = await store.id_by_identity(self._database, proof.identity) if proof.identity is not None else None
            user_id = user_id or await store.id_by_contact(self._database, proof.email, proof.phone)
            user = await store.by_id(self._database, user_id) if user_id is not None else None
            if user is not None and user.banned_at is not None:
                raise AccountBlocked
            if user is not None:
                return user
        raise NotRegistered("There is no such account.")

    async def _known(self, proof: Proof) -> OwnUser | None:
        """The account of the proven identity, else of the proven address, which the identity then joins.

        An account keeps only proven addresses, so no user can prepare an account for an address that belongs
        to another user. A second identity of the same provider does not join: the provider says that it is another user,
        for instance the next owner of a company's address."""
        if proof.identity is not None:
            found = await store.own_by_identity(self._database, proof.identity)
            if found is not None:
                return _unless_banned(found) if isinstance(found, OwnUser) else await self._allowed(found)
        user_id = await store.id_by_contact(self._database, proof.email, proof.phone)
        if user_id is None:
            return None
        own = await self._allowed(user_id)
        if proof.code_id is not None:
            async with self._database.transaction() as connection:
                await self._use_up(connection, [proof])
        if proof.identity is None:
            return own
        await store.add_identity(self._database, proof.identity, user_id, proof.email, proof.phone)
        joined = await store.id_by_identity(self._database, proof.identity)
        return own if joined == user_id else None

    async def _use_up(self, connection: Connection, proofs: Sequence[Proof]) -> None:
        """Raises WrongCode if a code was used meanwhile: each opens once."""
        for proof in proofs:
            if proof.code_id is not None and not await codes_store.use(connection, proof.code_id, self._clock()):
                raise WrongCode

    async def _by_name(self, proof: Proof) -> OwnUser:
        """Development mode: the existing user with that name, else a new one."""
        assert proof.identity is not None
        user_id = await store.id_by_username(self._database, proof.identity.subject)
        if user_id is None:
            return await self._create(Claims(username=proof.identity.subject), [proof])
        return await self._allowed(user_id)

    async def _create(self, claims: Claims, proofs: Sequence[Proof]) -> OwnUser:
        identities = [proof.identity for proof in proofs if proof.identity is not None]
        username = check_username(claims.username.lstrip("@") or f"user{secrets.randbelow(10**9):09}")
        self._ages.check_new(claims.dob, self._clock().date())
        check_indexed("email", claims.email)
        check_indexed("phone", claims.phone)
        for identity in identities:
            check_indexed("auth_token" if identity.provider == "uid" else "social_id", identity.subject)
            check_indexed("social", identity.provider)
        claims = _with_proven_contacts(claims, proofs) if self._believes_claims else _proven_part(claims, proofs)
        if claims.password:
            check_password(claims.password, username, claims.email, claims.phone)
        new = NewUser(
            username=username,
            first_name=one_line(claims.first_name)[:LONGEST_NAME],
            last_name=one_line(claims.last_name)[:LONGEST_NAME],
            gender=one_line(claims.gender)[:LONGEST_GENDER],
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
            async with self._database.transaction() as connection:
                await self._use_up(connection, proofs)
                user_id = await store.create(connection, new, identities)
        except AlreadyTaken:
            for proof in proofs:  # a concurrent call with the same proof may have created the account
                if (made := await self._known(proof)) is not None:
                    return made
            raise
        return await self._allowed(user_id)

    async def _allowed(self, user_id: UserId) -> OwnUser:
        """The user, whose account comes back if it was deleted. Raises NotRegistered and AccountBlocked."""
        own = await store.own_by_id(self._database, user_id)
        if own is None and await deletion_store.bring_back(self._database, user_id):
            log.info("account_brought_back", extra={"user": user_id})
            own = await store.own_by_id(self._database, user_id)
            own = msgspec.structs.replace(own, came_back=True) if own is not None else None
        if own is None:
            if await deletion_store.is_deleted_and_banned(self._database, user_id):
                raise AccountBlocked
            raise NotRegistered("Open registration screen.")
        return _unless_banned(own)


def _unless_banned(own: OwnUser) -> OwnUser:
    if own.user.banned_at is not None:
        raise AccountBlocked
    return own


def _proven_part(claims: Claims, proofs: Sequence[Proof]) -> Claims:
    """The claims with the proven addresses and identity in place of the claimed ones. An address that is not proven is
    not kept: its owner can register with it, and the account can confirm it later."""
    identity = next((proof.identity for proof in proofs if proof.identity is not None), None)
    unproven = dataclasses.replace(
        claims,
        email="",
        phone="",
        social=identity.provider if identity else "",
        social_id=identity.subject if identity else "",
        profile_pic="",
    )
    return _with_proven_contacts(unproven, proofs)


def _with_proven_contacts(claims: Claims, proofs: Sequence[Proof]) -> Claims:
    return dataclasses.replace(
        claims,
        email=next((proof.email for proof in proofs if proof.email), claims.email),
        phone=next((proof.phone for proof in proofs if proof.phone), claims.phone),
    )
