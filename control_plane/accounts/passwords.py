"""Passwords: sign-in, change and reset, and the limits of attempts.

Each attempt is counted before the password is verified, so attempts at the same time cannot outrun the limits. An
unknown name takes the same statements and the same time as a wrong password, and has the same answer.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from control_plane.accounts import passwords_store as store
from control_plane.accounts import store as accounts
from control_plane.accounts.claims import Requester
from control_plane.accounts.codes.codes import Codes, Purpose, WrongCode
from control_plane.accounts.notices import About, Notices
from control_plane.accounts.password_hashing import check_room, hash_password, verify_password
from control_plane.accounts.password_rules import check_password
from control_plane.accounts.passwords_store import Holder
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.user import UserNotFound
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Contact, InvalidContact, email_contact, phone_contact
from control_plane.jobs.kind import job

PER_ACCOUNT_AND_ORIGIN = 10
"""Wrong passwords for one account from one address in 15 minutes. Fewer: users who try all their passwords are refused.
More: others behind the same address, such as a family, have more guesses."""
PER_ORIGIN = 100
"""Wrong passwords from one address in an hour. Past it, only names that have signed in from there are served. Fewer: new
users behind one address of a mobile network are refused. More: one address tries a common password with more
accounts."""
FROM_UNKNOWN_ORIGINS = 100
"""Wrong passwords in an hour for one account from all addresses that have never signed in to it. Past it, sign-ins from
such addresses are refused. The owner signs in from a known address, or resets the password. Fewer: an attacker refuses
the owner more easily. More: an attacker with many addresses has more guesses."""
FAILURES_KEPT, SUCCESSES_KEPT = dt.timedelta(days=1), dt.timedelta(days=90)


class WrongPassword(ControlPlaneError):
    code = "wrong_password"
    kind = ErrorKind.REFUSED


class TooManyAttempts(ControlPlaneError):
    code = "too_many_attempts"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Too many wrong passwords. Please wait a while, or choose a new one with “Forgot password”.")


class Passwords:
    def __init__(
        self, database: Database, sessions: Sessions, codes: Codes, notices: Notices, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._codes = codes
        self._notices = notices
        self._clock = clock

    async def sign_in(self, name: str, password: str, requester: Requester) -> UserId:
        """`name`: an email address, a phone number or a username. Raises WrongPassword, TooManyAttempts and
        PasswordsBusy."""
        email, phone, username = _kinds(name)
        holder = await store.by_name(self._database, email=email, phone=phone, username=username)
        is_right = await self._is_right(holder, f"name {email or phone or username}", password, requester)
        if holder is None or not is_right:
            raise WrongPassword("The name or the password is wrong.")
        return holder.id

    async def is_set(self, user_id: UserId) -> bool:
        """Whether the user can sign in with a password."""
        holder = await store.by_id(self._database, user_id)
        return holder is not None and holder.password_hash is not None

    async def check(self, user_id: UserId, password: str, requester: Requester) -> None:
        """Check the password of a signed-in user. Raises WrongPassword, TooManyAttempts and PasswordsBusy."""
        holder = await store.by_id(self._database, user_id)
        if not await self._is_right(holder, f"user {user_id}", password, requester):
            raise WrongPassword("The password is wrong.")

    async def change(self, user_id: UserId, old: str, new: str, requester: Requester, session_id: str = "") -> None:
        """Set a new password, and end all sessions but this one. Raises WrongPassword, WeakPassword, UserNotFound,
        TooManyAttempts and PasswordsBusy."""
        holder = await store.by_id(self._database, user_id)
        if holder is None:
            raise UserNotFound
        if holder.password_hash is None:
            raise WrongPassword("This account has no password yet. Please choose one with “Forgot password”.")
        if not await self._is_right(holder, f"user {user_id}", old, requester):
            raise WrongPassword("The old password is wrong.")
        await self._set(holder, new, session_id=session_id)

    async def send_reset(self, contact: Contact, requester: Requester) -> None:
        """Send a code with which a new password can be chosen. An address without an account takes the same work and has
        the same answer, and gets no message. Raises TooManyCodes, TextMessagesUsedUp and ChannelMissing."""
        holder = await self._of(contact)
        await self._codes.send(contact, Purpose.RESET_PASSWORD, requester, silent=holder is None)

    async def check_reset(self, contact: Contact, code: str, requester: Requester) -> UserId:
        """Check the code. The client may set the password in the next minutes. Raises WrongCode."""
        await self._codes.confirm(contact, Purpose.RESET_PASSWORD, code, requester)
        holder = await self._of(contact)
        if holder is None:
            raise WrongCode
        return holder.id

    async def reset(self, contact: Contact, code: str, new: str, requester: Requester) -> UserId:
        """Set a new password, and end all sessions. `code` empty: this client entered it in the last minutes. Raises WrongCode, WeakPassword and
        PasswordsBusy."""
        if code:
            code_id: int | None = await self._codes.confirm(contact, Purpose.RESET_PASSWORD, code, requester)
        else:
            code_id = await self._codes.confirmed(contact, Purpose.RESET_PASSWORD, requester)
        holder = await self._of(contact)
        if code_id is None or holder is None:
            raise WrongCode
        await self._set(holder, new, code_id=code_id)
        return holder.id

    async def delete_old(self) -> None:
        now = self._clock()
        await store.delete_older(self._database, now - FAILURES_KEPT, now - SUCCESSES_KEPT)

    async def _of(self, contact: Contact) -> Holder | None:
        return await store.by_name(self._database, email=contact.email, phone=contact.phone, username="")

    async def _set(self, holder: Holder, new: str, *, code_id: int | None = None, session_id: str = "") -> None:
        """`code_id`: the code that permits it. `session_id`: the session that goes on."""
        check_password(new, holder.username, *(contact.address for contact in holder.contacts))
        hashed = await hash_password(new)
        async with self._database.transaction() as connection:
            if code_id is not None:
                await self._codes.use(connection, code_id)
            await accounts.set_password(connection, holder.id, hashed, session_id)
            await self._notices.send(connection, About.PASSWORD_CHANGED, holder.contacts[:1])
        self._sessions.forget(holder.id)

    async def _is_right(self, holder: Holder | None, name: str, password: str, requester: Requester) -> bool:
        """`name`: what attempts are counted by. A name of an account is counted as one without: if all names of an account
        were counted together, that would tell that it has them."""
        check_room()
        account = hashlib.sha256(name.encode()).digest()
        attempt_id = await self._count(account, requester.origin)
        stored = holder.password_hash if holder is not None else None
        verdict = await verify_password(stored, password)
        if not verdict.is_right or holder is None or stored is None:
            return False
        await store.succeeded(self._database, attempt_id, account, requester.origin)
        if verdict.rehashed:
            await store.rehash(self._database, holder.id, stored, verdict.rehashed)
        return True

    async def _count(self, account: bytes, origin: str) -> int:
        now = self._clock()
        async with self._database.transaction() as connection:
            counts = await store.lock_and_count(connection, account, origin, now)
            is_strange = counts.origin >= PER_ORIGIN or counts.elsewhere >= FROM_UNKNOWN_ORIGINS
            if counts.here >= PER_ACCOUNT_AND_ORIGIN or (is_strange and not counts.known):
                raise TooManyAttempts
            return await store.add(connection, account, origin, now)


@job(every="38 4 * * *")
async def delete_old_attempts(passwords: Passwords) -> None:
    await passwords.delete_old()


def _kinds(name: str) -> tuple[str, str, str]:
    """Email address, phone number and username: the one that the name is, in its normal form, and two empty texts."""
    try:
        if "@" in name.strip("@"):
            return email_contact(name).address, "", ""
        if name.startswith("+"):
            return "", phone_contact(name).address, ""
    except InvalidContact:
        pass  # no account has it
    return "", "", name.lstrip("@").lower()
