"""Codes by email and phone: six digits that prove that a user reads what is sent to an address.

A code is computed from a random salt of its row and a secret that is not in the database: neither a copy of the
database nor the arguments of a job reveal it. A request while a code is open sends the same code again, so that a
stranger's requests for an address make no code invalid. A code that was entered is confirmed for the client that entered
it, and closed when it is used.
"""

from __future__ import annotations

import datetime as dt
import hmac
import logging
import math
from enum import StrEnum
from typing import Any

from control_plane.accounts.claims import Requester
from control_plane.accounts.codes import store
from control_plane.accounts.codes.metrics import CodeMetrics
from control_plane.accounts.codes.store import Sent
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.base.log_limit import LogLimit
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact
from control_plane.jobs.kind import Kind

log = logging.getLogger(__name__)

DIGITS = 6
TRIES = 5
"""Per code. More: a code is easier to guess. Fewer: users who mistype need another code."""
LIFETIME = dt.timedelta(minutes=10)
"""How long a code can be entered after it was last sent. Longer: more time to guess it. Shorter: slow mail arrives too late."""
CONFIRMED = dt.timedelta(minutes=5)
"""How long the client that entered the code may use it. Longer: another client behind the same network address has
more time to use it. Shorter: it ends while the user fills in the registration screen."""
RESEND = dt.timedelta(seconds=20)
"""Least time between two messages to one address. Longer: users wait longer for the second one. Shorter: impatient users
get several."""
PER_HOUR, PER_DAY = 6, 15
"""Messages to one address. More: strangers can send more messages to it. Fewer: users with unreliable mail are locked out."""
PER_ORIGIN = 100
"""Messages a day that one network address may ask for. Fewer: users behind one address of a mobile network are refused.
More: an attacker sends more messages at our cost."""
KEPT = dt.timedelta(days=2)
USED_UP_EVERY_S = 3600.0
"""Time between two warnings that the text messages of the day are used up. Larger: the log shows later how many requests
were refused. Smaller: more lines."""


class Purpose(StrEnum):
    SIGN_IN = "sign_in"
    RESET_PASSWORD = "reset_password"  # noqa: S105  the name of a purpose
    CHANGE_CONTACT = "change_contact"
    CHANGE_PAYOUT = "change_payout"


class WrongCode(ControlPlaneError):
    code = "wrong_code"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The code is wrong or has expired. Please check it, or ask for a new one.")


class TooManyCodes(ControlPlaneError):
    code = "too_many_codes"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self, wait: dt.timedelta | None = None) -> None:
        """`wait`: until the next code to this address. None: hours."""
        super().__init__(
            "Too many codes were requested. Please wait before you ask for another one."
            if wait is None
            else "A code was sent a moment ago. You can ask for another one in "
            f"{math.ceil(wait.total_seconds())} seconds."
        )


class TextMessagesUsedUp(ControlPlaneError):
    """The whole server has sent the text messages of this day."""

    code = "text_messages_used_up"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("No more text messages can be sent today. Please sign in another way, or try again tomorrow.")


class ChannelMissing(ControlPlaneError):
    """This server has no way to send mail, or text messages."""

    code = "channel_missing"
    kind = ErrorKind.REFUSED

    def __init__(self, channel: Channel) -> None:
        what = "email" if channel is Channel.EMAIL else "text messages"
        super().__init__(f"This server cannot send {what}.")


class Codes:
    """`channels`: what this server can send to. `deliver`: the job that sends a code by its id. `sms_per_day`: text
    messages with codes that the server sends in a day; 0: any number."""

    def __init__(
        self,
        database: Database,
        secret: bytes,
        channels: frozenset[Channel],
        deliver: Kind[Any, [int]],
        metrics: CodeMetrics,
        clock: Clock = utc_now,
        *,
        sms_per_day: int = 0,
    ) -> None:
        self._database = database
        self._key = hmac.digest(secret, b"stagedoor codes/v1", "sha256")
        self._channels = channels
        self._deliver = deliver
        self._metrics = metrics
        self._clock = clock
        self._sms_per_day = sms_per_day
        self._used_up = LogLimit(self._log_used_up, USED_UP_EVERY_S)

    async def send(
        self,
        contact: Contact,
        purpose: Purpose,
        requester: Requester,
        *,
        user_id: UserId | None = None,
        silent: bool = False,
    ) -> None:
        """Send the open code of this purpose again, with the tries that it has left; else a new one. `user_id`: whose
        contact the address will be. `silent`: do all but send it, so that neither the answer nor its time tells that
        there is no account.

        Raises TooManyCodes, TextMessagesUsedUp, ChannelMissing."""
        if contact.channel not in self._channels:
            raise ChannelMissing(contact.channel)
        try:
            await self._send(contact, purpose, requester, user_id, silent=silent)
        except TooManyCodes:
            self._metrics.refused(contact.channel, by_day=False)
            raise
        except TextMessagesUsedUp:
            self._metrics.refused(contact.channel, by_day=True)
            self._used_up.note("used up")
            raise
        self._metrics.accepted(contact.channel)

    async def _send(
        self, contact: Contact, purpose: Purpose, requester: Requester, user_id: UserId | None, *, silent: bool
    ) -> None:
        now = self._clock()
        async with self._database.transaction() as connection:
            counts = await store.lock_and_count(connection, contact, requester.origin, now)
            if counts.address_hour >= PER_HOUR or counts.address_day >= PER_DAY or counts.origin_day >= PER_ORIGIN:
                raise TooManyCodes
            if counts.last_at is not None and (wait := counts.last_at + RESEND - now) > dt.timedelta():
                raise TooManyCodes(wait)
            # Silent codes count, too: else the last one of the day would tell who has an account.
            if (
                self._sms_per_day
                and contact.channel is Channel.PHONE
                and not await store.count_by_text_message(connection, self._sms_per_day, now)
            ):
                raise TextMessagesUsedUp
            code_id = await store.send_again(
                connection,
                purpose,
                contact,
                user_id,
                origin=requester.origin,
                silent=silent,
                now=now,
                tries=TRIES,
                since=now - LIFETIME,
            ) or await store.replace(
                connection, purpose, contact, user_id, origin=requester.origin, silent=silent, now=now
            )
            await self._deliver.enqueue(connection, code_id)

    async def confirm(
        self, contact: Contact, purpose: Purpose, code: str, requester: Requester, *, user_id: UserId | None = None
    ) -> int:
        """Check a code. Returns the id with which this client may `use` it. Raises WrongCode."""
        now = self._clock()
        sent = await store.count_try(self._database, purpose, contact, user_id, tries=TRIES, since=now - LIFETIME)
        entered = code.strip().encode()
        is_right = hmac.compare_digest(self.text(sent).encode(), entered) if sent is not None else False
        if sent is None or not is_right or sent.silent:
            raise WrongCode
        if not await store.confirm(self._database, sent.id, requester.name, now):
            raise WrongCode
        return sent.id

    async def confirmed(self, contact: Contact, purpose: Purpose, requester: Requester) -> int | None:
        """The id of the code that this client entered in the last minutes and has not used."""
        return await store.confirmed(self._database, purpose, contact, requester.name, self._clock() - CONFIRMED)

    async def use(self, connection: Connection, code_id: int) -> None:
        """Close a confirmed code, in the transaction of what it permits. Raises WrongCode if it was used meanwhile."""
        if not await store.use(connection, code_id, self._clock()):
            raise WrongCode

    def text(self, sent: Sent) -> str:
        """The six digits."""
        digest = hmac.digest(self._key, b"%d %s" % (sent.id, sent.salt), "sha256")
        return f"{int.from_bytes(digest, 'big') % 10**DIGITS:0{DIGITS}}"

    async def to_deliver(self, code_id: int) -> Sent | None:
        """None: the code is not to be sent (any more)."""
        sent = await store.by_id(self._database, code_id)
        if sent is None or sent.silent or sent.created_at <= self._clock() - LIFETIME:
            return None
        return sent

    async def newest(self, limit: int) -> list[Sent]:
        """Open codes, newest first; for development mode."""
        return await store.newest(self._database, self._clock() - LIFETIME, limit)

    def _log_used_up(self, why: str, number: int) -> None:
        log.warning("text_messages_used_up", extra={"limit": self._sms_per_day, "refused": number})

    async def delete_old(self) -> None:
        await store.delete_older(self._database, self._clock() - KEPT)
