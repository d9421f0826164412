"""Tells users what happens to their payouts: by the inbox, in the transaction of the cause, and by letters, which jobs
send. The arguments of the jobs hold no address that can be read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.accounts.contacts_store import contacts_of
from control_plane.accounts.notices import About
from control_plane.accounts.notices_delivery import notice_message
from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.letter import letter
from control_plane.delivery.messenger import Messenger
from control_plane.inbox.model import Kind
from control_plane.inbox.own_matters import tell_of_own
from control_plane.jobs.kind import job
from control_plane.payouts import store
from control_plane.payouts.model import Method, Payout, Sealed, State
from control_plane.payouts.sealing import Sealer


@dataclass(frozen=True, slots=True)
class PayoutTelling:
    database: Database
    messenger: Messenger
    sealer: Sealer
    product_name: str


@job(at_once=8, priority=5)
async def tell_old_address(telling: PayoutTelling, user_id: int, sealed: str, key_id: str, at: str) -> None:
    """Send word of a change to the PayPal address that payouts went to before."""
    old = Sealed(Method.PAYPAL, bytes.fromhex(sealed), key_id, "")
    address = telling.sealer.open(UserId(user_id), old)
    if Channel.EMAIL in telling.messenger.channels:
        message = notice_message(telling.product_name, About.PAYOUT_CHANGED, dt.datetime.fromisoformat(at))
        await telling.messenger.send(Contact(Channel.EMAIL, address.value), message)


@job(at_once=8, priority=5)
async def send_payout_letter(telling: PayoutTelling, payout_id: int) -> None:
    """Tell the user that a payout is paid or rejected."""
    payout = present(await store.get(telling.database, payout_id), "payouts are never deleted")
    contacts = await contacts_of(telling.database, payout.user_id)
    to = next((contact for contact in contacts if contact.channel in telling.messenger.channels), None)
    if to is not None:
        subject = f"Your {telling.product_name} payout is {payout.state.value}"
        await telling.messenger.send(to, letter(telling.product_name, subject, what_happened(payout)))


async def tell_state(connection: Connection, payout: Payout) -> None:
    """In the transaction of an approval, a payment or a rejection, as its last step."""
    if not payout.is_open:
        await send_payout_letter.enqueue(connection, payout_id=payout.id)
    await tell_of_own(connection, Kind.PAYOUT, payout.id, what_happened(payout), [payout.user_id])


def what_happened(payout: Payout) -> str:
    what = f"{payout.coins} coins, {payout.amount} {payout.currency}"
    match payout.state:
        case State.REQUESTED:
            return f"{what}: requested."
        case State.APPROVED:
            return f"{what}: approved. It will be paid to {payout.shown}."
        case State.PAID:
            return f"{what}: paid to {payout.shown}. The reference is {payout.bank_reference}."
        case State.REJECTED:
            return f"{what}: rejected, and the coins are yours again. The reason: {payout.reason}"
