"""A new email address or phone number of an account. It counts when the code that was sent to it is entered."""

from __future__ import annotations

from control_plane.accounts import contacts_store as store
from control_plane.accounts.claims import Requester
from control_plane.accounts.codes.codes import Codes, Purpose
from control_plane.accounts.notices import About, Notices
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact

_ABOUT = {Channel.EMAIL: About.EMAIL_CHANGED, Channel.PHONE: About.PHONE_CHANGED}


class ContactChanges:
    def __init__(self, database: Database, codes: Codes, notices: Notices) -> None:
        self._database = database
        self._codes = codes
        self._notices = notices

    async def begin(self, user_id: UserId, contact: Contact, requester: Requester) -> None:
        """Send a code to the new address. It is sent although another account has the address, because only the owner of
        the address may learn that. Raises TooManyCodes, TextMessagesUsedUp and ChannelMissing."""
        await self._codes.send(contact, Purpose.CHANGE_CONTACT, requester, user_id=user_id)

    async def confirm(self, user_id: UserId, contact: Contact, code: str, requester: Requester) -> None:
        """Give the account the new address, and send word to the old one, or to the account's other contact if it had
        none. Raises WrongCode, and AlreadyTaken if another account has the address."""
        code_id = await self._codes.confirm(contact, Purpose.CHANGE_CONTACT, code, requester, user_id=user_id)
        async with self._database.transaction() as connection:
            await self._codes.use(connection, code_id)
            before = await store.lock_contacts(connection, user_id)
            await store.set_contact(connection, user_id, contact)
            if contact not in before:
                replaced = [old for old in before if old.channel is contact.channel]
                await self._notices.send(connection, _ABOUT[contact.channel], replaced or before)
