"""Session tokens: issue, verify, revoke and sign out. A token is a JWT (RFC 7519, HS256) whose `kid` names the
secret."""

from __future__ import annotations

import asyncio
import datetime as dt
import hmac
import secrets
from dataclasses import dataclass

import jwt
from cachetools import LRUCache

from control_plane.accounts import store
from control_plane.accounts.caller import Caller
from control_plane.accounts.store import SessionState
from control_plane.accounts.user import UserNotFound
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring
from control_plane.bus.model import Bus, Topic
from control_plane.db.pool import Database

AUDIENCE = "session"
ALGORITHM = "HS256"
STATE_S = 5.0
"""How long a user's session state is cached. Longer: a revocation whose notification is lost takes effect later.
Shorter: more reads from the database."""
REMEMBERED = 20_000
"""Cache size in tokens, and in users; the least recently used is evicted. Smaller than the number of active users: most
calls verify the signature and read the state again. Larger: more memory."""
LONGEST_TOKEN = 1024
"""Characters. Our tokens have about 300. Longer text is refused before it is decoded or cached."""


class AccountBlocked(ControlPlaneError):
    """The user is banned. The apps recognise a ban only by the words `have been blocked` in this text."""

    code = "account_blocked"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("You have been blocked. Please contact support.")


@dataclass(frozen=True, slots=True)
class _Claims:
    user_id: UserId
    version: int
    salt: str
    session_id: str
    expires_at: float


class Sessions:
    """Issues, verifies and revokes session tokens.

    Verified signatures are cached. A revocation takes effect when its notification arrives, and at the latest after
    STATE_S.
    """

    def __init__(
        self,
        keyring: Keyring,
        database: Database,
        ttl_s: int,
        clock: Clock = utc_now,
        *,
        state_s: float = STATE_S,
    ) -> None:
        self._keyring = keyring
        self._database = database
        self._ttl_s = ttl_s
        self._clock = clock
        self._state_s = state_s
        self._verified: LRUCache[str, _Claims] = LRUCache(REMEMBERED)
        self._states: LRUCache[UserId, tuple[SessionState, float]] = LRUCache(REMEMBERED)
        """Each with the time until which it is used. Not a TTLCache: it removes all expired entries at once, which
        would block the event loop for 20,000 of them."""
        self._changes = 0

    def follow(self, bus: Bus) -> None:
        """Subscribe to changes of users, so that revocations by other processes invalidate the cache."""
        bus.subscribe(Topic.USER, lambda message: self._forget(UserId(message.id)))
        bus.on_resync(self._forget_all)

    async def issue(self, user_id: UserId, renews: str = "") -> str:
        """A token of a new session. If `renews` is a valid token of this user, the new token belongs to the same
        session, and signing out ends both. Raises UserNotFound and AccountBlocked."""
        renewed = self._verify(renews) if renews and await self.identify(renews) is not None else None
        session_id = renewed.session_id if renewed and renewed.user_id == user_id else secrets.token_hex(12)
        state = await self._state(user_id)
        if state is None:
            raise UserNotFound
        if state.banned:
            raise AccountBlocked
        now = self._clock()
        claims = {
            "sub": str(user_id),
            "ver": state.version,
            "salt": state.salt.hex(),
            "sid": session_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + dt.timedelta(seconds=self._ttl_s),
        }
        secret = self._keyring.signing
        return jwt.encode(claims, secret.value, algorithm=ALGORITHM, headers={"kid": secret.key_id})

    async def identify(self, token: str) -> Caller | None:
        """The caller that the token authenticates. None: the token is invalid, expired or revoked. Raises
        AccountBlocked."""
        claims = self._verified.get(token) or self._verify(token)
        if claims is None or claims.expires_at <= self._clock().timestamp():
            return None
        state = await self._state(claims.user_id)
        if state is None:
            return None
        if state.banned:  # before the version, which a ban raises too: a banned user gets AccountBlocked
            raise AccountBlocked
        same_row = hmac.compare_digest(claims.salt.encode(), state.salt.hex().encode())
        if not same_row or state.version != claims.version or claims.session_id in state.ended:
            return None
        return Caller(claims.user_id, state.role)

    async def revoke_all(self, user_id: UserId) -> bool:
        """Revoke every session of this user. False: there is no such user."""
        async with self._database.transaction() as connection:
            revoked = await store.revoke_sessions(connection, user_id)
        self._forget(user_id)
        return revoked

    async def end(self, token: str) -> None:
        """Sign out: revoke all tokens of this token's session. An invalid token changes nothing."""
        claims = self._verify(token)
        if claims is None or await self.identify(token) is None:
            return
        until = self._clock() + dt.timedelta(seconds=self._ttl_s)  # every token of the session has expired by then
        async with self._database.transaction() as connection:
            await store.end_session(connection, claims.user_id, claims.session_id, until)
        self._forget(claims.user_id)

    def _verify(self, token: str) -> _Claims | None:
        if len(token) > LONGEST_TOKEN or token.count(".") != 2:  # such as a sign-in provider's id; raising costs 6 µs
            return None
        try:
            secret = self._keyring.get(jwt.get_unverified_header(token).get("kid", ""))
            if secret is None:
                return None
            # `identify` compares the expiry with our own clock at every use, because claims are cached.
            payload = jwt.decode(
                token,
                secret.value,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["sub", "exp", "aud"], "verify_exp": False, "verify_iat": False},
            )
            claims = _Claims(
                user_id=UserId(int(payload["sub"])),
                version=int(payload["ver"]),
                salt=str(payload["salt"]),
                session_id=str(payload["sid"]),
                expires_at=float(payload["exp"]),
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            return None
        self._verified[token] = claims
        return claims

    async def _state(self, user_id: UserId) -> SessionState | None:
        now = asyncio.get_running_loop().time()
        known = self._states.get(user_id)
        if known is not None and known[1] > now:
            return known[0]
        changes = -1
        while changes != self._changes:  # read again if a revocation was notified during the read
            changes = self._changes
            state = await store.session_state(self._database, user_id)
        if state is not None:
            self._states[user_id] = (state, now + self._state_s)
        return state

    def _forget(self, user_id: UserId) -> None:
        self._changes += 1
        self._states.pop(user_id, None)

    def _forget_all(self) -> None:
        self._changes += 1
        self._states.clear()
