"""Sessions and their tokens: open, recognise, renew, end. A token is a JWT (RFC 7519, HS256) whose `kid` names the
secret. It is valid while the row of its session exists (`control_plane/accounts/session_store.py`)."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
import time
from dataclasses import dataclass, replace

import jwt
from cachetools import LRUCache

from control_plane.accounts import session_store, store
from control_plane.accounts.caller import UNKNOWN, Caller, SessionKey, Use
from control_plane.accounts.session_store import Session, SessionState
from control_plane.accounts.user import OwnUser, UserNotFound
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring
from control_plane.bus.model import Bus, Topic
from control_plane.db.pool import Database

AUDIENCE = "session"
ALGORITHM = "HS256"
STATE_S = 5.0
"""How long a user's open sessions are cached. Longer: an end whose notification is lost takes effect later.
Shorter: more reads from the database."""
REMEMBERED = 20_000
"""Cache size in tokens, and in users; the least recently used is evicted. Smaller than the number of active users: most
calls verify the signature and read the state again. Larger: more memory."""
LONGEST_TOKEN = 1024
"""Characters. Our tokens have about 300. Longer text is refused before it is decoded or cached."""
SKEW_S = 30.0
"""How far the clocks of two processes may differ. A session that the cache lacks is looked for in the database if its
token is not older than the cached state by more than this. Smaller: a new session is refused for STATE_S by processes
whose clock is ahead. Larger: a token is looked for longer after its session ended."""


class AccountBlocked(ControlPlaneError):
    """The user is banned. The apps recognise a ban only by the words `have been blocked` in this text."""

    code = "account_blocked"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("You have been blocked. Please contact support.")


@dataclass(frozen=True, slots=True)
class _Claims:
    user_id: UserId
    salt: str
    session_id: str
    issued_at: float
    expires_at: float

    @property
    def session(self) -> SessionKey:
        return SessionKey(self.user_id, self.session_id)


@dataclass(frozen=True, slots=True)
class _Known:
    """A user's state in the cache."""

    state: SessionState
    read_at: float
    """By the clock that tokens are issued by."""
    until: float
    """By `time.monotonic`."""
    own: OwnUser | None = None
    """The user's record, once it was asked for."""


class Sessions:
    """Opens, recognises, renews and ends sessions.

    Verified signatures are cached, and so are users' open sessions: an end takes effect when its notification arrives,
    and at the latest after STATE_S. A new session needs no notification: it is looked for when its token arrives.
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
        self._states: LRUCache[UserId, _Known] = LRUCache(REMEMBERED)
        """Not a TTLCache: it removes all expired entries at once, which would block the event loop for 20,000 of
        them."""
        self._changes = 0

    def follow(self, bus: Bus) -> None:
        """Subscribe to changes of users, so that sessions that other processes end leave the cache."""
        bus.subscribe(Topic.USER, lambda message: self.forget(UserId(message.id)))
        bus.on_resync(self._forget_all)

    async def issue(self, user_id: UserId, use: Use = UNKNOWN, device_token: str = "") -> str:
        """A token of a new session. `device_token`: the push service's, which the session's end forgets. Raises
        UserNotFound and AccountBlocked."""
        session = SessionKey(user_id, secrets.token_hex(12))
        now = self._clock()
        opened = await session_store.open_session(self._database, session, now, now + self._ttl, use, device_token)
        if opened is None:
            raise UserNotFound
        if opened.banned:
            raise AccountBlocked
        self.forget(user_id)
        return self._sign(session, opened.salt, now)

    async def renew(self, token: str) -> tuple[Caller, str] | None:
        """The caller and a new token of the same session, which ends with it. None: the token is invalid, expired or
        its session has ended. Raises AccountBlocked."""
        caller, claims = await self.identify(token), self._verify(token)
        if caller is None or claims is None:
            return None
        now, salt = self._clock(), bytes.fromhex(claims.salt)
        if not await session_store.renew(self._database, claims.session, salt, now + self._ttl):
            self.forget(caller.user_id)  # the session ended after it was cached
            return None
        return caller, self._sign(claims.session, salt, now)

    async def identify(self, token: str) -> Caller | None:
        """The caller that the token authenticates. None: the token is invalid, expired, or its session has ended.
        Raises AccountBlocked."""
        claims = self._verified.get(token) or self._verify(token)
        if claims is None or claims.expires_at <= self._clock().timestamp():
            return None
        known = await self._state(claims.user_id)
        if known is not None and not known.state.banned and claims.session_id not in known.state.open:
            if claims.issued_at < known.read_at - SKEW_S:
                return None
            self._states.pop(claims.user_id, None)  # another process may have opened the session after we read
            known = await self._state(claims.user_id)
        if known is None:
            return None
        state = known.state
        if state.banned:  # before the session, which a ban ends too: a banned user gets AccountBlocked
            raise AccountBlocked
        same_row = hmac.compare_digest(claims.salt.encode(), state.salt.hex().encode())
        if not same_row or claims.session_id not in state.open:
            return None
        return Caller(claims.user_id, state.role, claims.session_id)

    async def own_user(self, user_id: UserId) -> OwnUser | None:
        """The user's own record, kept as long as the state of the sessions. A change of the profile is notified; what others
        change (coins, followers) is up to STATE_S old. None: there is no such user."""
        known = await self._state(user_id)
        if known is None or known.own is not None:
            return None if known is None else known.own
        changes = self._changes
        own = await store.own_by_id(self._database, user_id)
        if own is not None and changes == self._changes and self._states.get(user_id) is known:
            self._states[user_id] = replace(known, own=own)
        return own

    def names(self, token: str) -> UserId | None:
        """The user of a token that we signed and that has not expired, without a look whether its session is still open:
        for what hides something from the user, never for what allows something."""
        claims = self._verified.get(token) or self._verify(token)
        return None if claims is None or claims.expires_at <= self._clock().timestamp() else claims.user_id

    async def revoke_all(self, user_id: UserId) -> bool:
        """End every session of this user. False: there is no such user."""
        return await self._end_others(user_id, "") is not None

    async def end_others(self, user_id: UserId, token: str) -> int:
        """End every session of this user except that of the token, and return their number. With an invalid token, or
        that of another user, every session ends."""
        claims = self._verify(token)
        kept = claims.session_id if claims is not None and claims.user_id == user_id else ""
        return await self._end_others(user_id, kept) or 0

    async def end(self, token: str) -> None:
        """Sign out: end the session of this token. An invalid token changes nothing."""
        claims = self._verify(token)
        if claims is not None and await self.identify(token) is not None:
            await self.end_one(claims.session)

    async def end_one(self, session: SessionKey) -> bool:
        """False: there is no such session."""
        async with self._database.transaction() as connection:
            ended = await session_store.end_session(connection, session)
        self.forget(session.user_id)
        return ended

    async def open_ones(self, user_id: UserId) -> list[Session]:
        """The session that was used last comes first."""
        return await session_store.sessions_of(self._database, user_id, self._clock())

    async def _end_others(self, user_id: UserId, kept: str) -> int | None:
        async with self._database.transaction() as connection:
            ended = await session_store.end_sessions(connection, user_id, kept)
        self.forget(user_id)
        return ended

    @property
    def _ttl(self) -> dt.timedelta:
        return dt.timedelta(seconds=self._ttl_s)

    def _sign(self, session: SessionKey, salt: bytes, now: dt.datetime) -> str:
        claims = {
            "sub": str(session.user_id),
            "salt": salt.hex(),
            "sid": session.session_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + self._ttl,
        }
        secret = self._keyring.signing
        return jwt.encode(claims, secret.value, algorithm=ALGORITHM, headers={"kid": secret.key_id})

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
                options={"require": ["sub", "iat", "exp", "aud"], "verify_exp": False, "verify_iat": False},
            )
            claims = _Claims(
                user_id=UserId(int(payload["sub"])),
                salt=str(payload["salt"]),
                session_id=str(payload["sid"]),
                issued_at=float(payload["iat"]),
                expires_at=float(payload["exp"]),
            )
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            return None
        self._verified[token] = claims
        return claims

    async def _state(self, user_id: UserId) -> _Known | None:
        now = time.monotonic()
        known = self._states.get(user_id)
        if known is not None and known.until > now:
            return known
        changes = -1
        while changes != self._changes:  # read again if an end was notified during the read
            changes, read_at = self._changes, self._clock().timestamp()
            state = await session_store.session_state(self._database, user_id)
        if state is None:
            return None
        known = self._states[user_id] = _Known(state, read_at, now + self._state_s)
        return known

    def forget(self, user_id: UserId) -> None:
        """Read the user's open sessions and record again at the next call: a transaction has changed them."""
        self._changes += 1
        self._states.pop(user_id, None)

    def _forget_all(self) -> None:
        self._changes += 1
        self._states.clear()
