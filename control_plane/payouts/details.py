"""The address that a user is paid out to. The first one needs a session; a change needs the password or a code, too,
is told to the old address, and holds payouts for some time."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from control_plane.accounts.claims import Requester
from control_plane.accounts.codes.codes import Codes, Purpose
from control_plane.accounts.contacts_store import contacts_of, lock_contacts
from control_plane.accounts.notices import About, Notices
from control_plane.accounts.passwords import Passwords
from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Contact
from control_plane.payouts import store
from control_plane.payouts.addresses import parse_address
from control_plane.payouts.model import (
    Address,
    AlreadyRequested,
    Details,
    InvalidPayoutDetails,
    Method,
    NoPayoutDetails,
    NoWayToProve,
    OtherPayoutDetails,
    ProofNeeded,
    SavedAddressUnreadable,
    Sealed,
)
from control_plane.payouts.sealing import Sealer, Unreadable
from control_plane.payouts.telling import tell_old_address

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves the owner of the account besides the session. Both empty: nothing."""

    password: str = ""
    code: str = ""


class PayoutDetails:
    """`page`: the address of the page where a change is confirmed."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        passwords: Passwords,
        codes: Codes,
        notices: Notices,
        page: str,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._passwords = passwords
        self._codes = codes
        self._notices = notices
        self._page = page
        self._clock = clock

    async def of(self, user_id: UserId) -> Details:
        """Raises NoPayoutDetails."""
        found = await store.details(self._database, user_id)
        if found is None:
            raise NoPayoutDetails
        return found

    async def send_code(self, user_id: UserId, requester: Requester) -> Contact:
        """Send the code that a change needs to the account's email address, else to its phone. Raises NoWayToProve,
        ChannelMissing, TooManyCodes and TextMessagesUsedUp."""
        contact = await self._contact(user_id)
        await self._codes.send(contact, Purpose.CHANGE_PAYOUT, requester, user_id=user_id)
        return contact

    async def set(
        self, user_id: UserId, text: str, method: str, requester: Requester, proof: Proof | None = None
    ) -> Details:
        """Add the user's address, or change it. The stored address, in full or as it is shown, changes nothing.

        Raises InvalidPayoutDetails, ProofNeeded, NoWayToProve, WrongCode, WrongPassword, TooManyAttempts, PasswordsBusy
        and SavedAddressUnreadable.
        """
        stored = await store.details(self._database, user_id)
        if stored is not None and text.strip() == stored.address.shown:
            return stored
        address = parse_address(text, method)
        if stored is not None and self._read(user_id, stored.address) == address:
            return stored
        code_id = None if stored is None else await self._proven(user_id, proof or Proof(), requester)
        async with self._database.transaction() as connection:
            if code_id is not None:
                await self._codes.use(connection, code_id)
            return await self._store(connection, user_id, address, may_change=stored is not None)

    async def use(self, user_id: UserId, text: str, requester: Requester) -> None:
        """The address that an app sends with a request for a payout: it becomes the first one of a user without, and else
        must be the stored one. Raises InvalidPayoutDetails, OtherPayoutDetails, AlreadyRequested and
        SavedAddressUnreadable."""
        try:
            await self.set(user_id, text, "", requester)
        except (ProofNeeded, InvalidPayoutDetails) as refusal:
            if await store.open_of(self._database, user_id) is not None:
                raise AlreadyRequested from None
            if isinstance(refusal, InvalidPayoutDetails):
                raise
            raise OtherPayoutDetails((await self.of(user_id)).address.shown) from None

    def _read(self, user_id: UserId, sealed: Sealed) -> Address:
        try:
            return self._sealer.open(user_id, sealed)
        except Unreadable:
            log.error("payout_address_unreadable", extra={"user": user_id})
            raise SavedAddressUnreadable from None

    async def _proven(self, user_id: UserId, proof: Proof, requester: Requester) -> int | None:
        """The id of the code, if it is one that proves the user."""
        if proof.code:
            contact = await self._contact(user_id)
            return await self._codes.confirm(contact, Purpose.CHANGE_PAYOUT, proof.code, requester, user_id=user_id)
        if not proof.password:
            raise ProofNeeded(self._page)
        await self._passwords.check(user_id, proof.password, requester)
        return None

    async def _store(self, connection: Connection, user_id: UserId, address: Address, *, may_change: bool) -> Details:
        contacts = await lock_contacts(connection, user_id)
        before = await store.details(connection, user_id)
        if before is not None and not may_change:
            raise ProofNeeded(self._page)  # another call added one meanwhile
        sealed = self._sealer.seal(user_id, address)
        details = await store.set_details(connection, user_id, sealed, self._clock(), first=before is None)
        await self._notices.send(connection, About.PAYOUT_ADDED if before is None else About.PAYOUT_CHANGED, contacts)
        if before is not None and before.address.method is Method.PAYPAL:
            old = before.address
            await tell_old_address.enqueue(
                connection, user_id=user_id, sealed=old.sealed.hex(), key_id=old.key_id, at=self._clock().isoformat()
            )
        return details

    async def _contact(self, user_id: UserId) -> Contact:
        contacts = await contacts_of(self._database, user_id)
        if not contacts:
            raise NoWayToProve
        return contacts[0]
