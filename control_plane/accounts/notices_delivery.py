"""The job that sends a notice, and the texts of notices."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.accounts.notices import About, Notices
from control_plane.delivery.letter import letter
from control_plane.delivery.messenger import Message, Messenger
from control_plane.jobs.kind import job

_WHAT = {
    About.EMAIL_CHANGED: "The email address of your {product} account was changed",
    About.PHONE_CHANGED: "The phone number of your {product} account was changed",
    About.PASSWORD_CHANGED: "The password of your {product} account was changed",
    About.PAYOUT_ADDED: "An address for payouts was added to your {product} account",
    About.PAYOUT_CHANGED: "The address that the payouts of your {product} account go to was changed",
}
_IF_NOT = {
    About.EMAIL_CHANGED: "If it was not, contact the support: this address no longer belongs to the account.",
    About.PHONE_CHANGED: "If it was not, contact the support: this number no longer belongs to the account.",
    About.PASSWORD_CHANGED: "If it was not, choose a new password with “Forgot password” now.",
    About.PAYOUT_ADDED: "If it was not, choose a new password with “Forgot password” now, and contact the support.",
    About.PAYOUT_CHANGED: "If it was not, contact the support now: payouts are held for some time after a change.",
}


@dataclass(frozen=True, slots=True)
class NoticeDelivery:
    notices: Notices
    messenger: Messenger
    product_name: str


@job(at_once=8, priority=5)
async def deliver_notice(delivery: NoticeDelivery, notice_id: int) -> None:
    """Its argument is the row's id, so that the queue holds no address."""
    notice = await delivery.notices.by_id(notice_id)
    if notice is not None:
        message = notice_message(delivery.product_name, About(notice.about), notice.created_at)
        await delivery.messenger.send(notice.to, message)


@job(every="28 4 * * *")
async def delete_old_notices(notices: Notices) -> None:
    await notices.delete_old()


def notice_message(product_name: str, about: About, at: dt.datetime) -> Message:
    return letter(
        product_name,
        _WHAT[about].format(product=product_name),
        f"It happened on {at.astimezone(dt.UTC):%Y-%m-%d at %H:%M} UTC. Was this you? Then there is nothing to do.",
        _IF_NOT[about],
    )
