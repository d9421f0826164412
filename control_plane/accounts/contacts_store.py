"""SQL of the proven email address and phone number of a user."""

from __future__ import annotations

import asyncpg

from control_plane.accounts.user import AlreadyTaken
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.delivery.contacts import Channel, Contact

_CONTACTS = "select email, phone from app_user where id = $1"
_LOCK = _CONTACTS + " for update"
_SET = {
    Channel.EMAIL: "update app_user set email = $2 where id = $1",
    Channel.PHONE: "update app_user set phone = $2 where id = $1",
}
_TAKEN = {
    Channel.EMAIL: "This email address belongs to another account.",
    Channel.PHONE: "This phone number belongs to another account.",
}


def contacts_in(row: Row) -> list[Contact]:
    """The contacts in a row with the columns email and phone, the email address first."""
    found = ((Channel.EMAIL, row["email"]), (Channel.PHONE, row["phone"]))
    return [Contact(channel, address) for channel, address in found if address]


async def contacts_of(database: Database, user_id: UserId) -> list[Contact]:
    row = await database.fetchrow(_CONTACTS, user_id)
    return [] if row is None else contacts_in(row)


async def lock_contacts(connection: Connection, user_id: UserId) -> list[Contact]:
    """The contacts of the user, which no other transaction changes until this one ends."""
    row = await connection.fetchrow(_LOCK, user_id)
    return [] if row is None else contacts_in(row)


async def set_contact(connection: Connection, user_id: UserId, contact: Contact) -> None:
    """Raises AlreadyTaken; the transaction is then aborted."""
    try:
        await connection.execute(_SET[contact.channel], user_id, contact.address)
    except asyncpg.UniqueViolationError:
        raise AlreadyTaken(_TAKEN[contact.channel]) from None
