"""The job that sends a code, and the texts around it."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.accounts.codes.codes import LIFETIME, Codes, Purpose
from control_plane.delivery.letter import letter
from control_plane.delivery.messenger import Message, Messenger
from control_plane.jobs.kind import job

_FOR = {
    Purpose.SIGN_IN: "Enter it to sign in",
    Purpose.RESET_PASSWORD: "Enter it to choose a new password",
    Purpose.CHANGE_CONTACT: "Enter it to confirm that you want to use this address or number",
    Purpose.CHANGE_PAYOUT: "Enter it to change the address that your payouts go to",
}
_OTHERWISE = {
    Purpose.SIGN_IN: "If you did not ask for it, ignore this message.",
    Purpose.RESET_PASSWORD: "If you did not ask for it, ignore this message. Your password stays as it is.",
    Purpose.CHANGE_CONTACT: "If you did not ask for it, ignore this message.",
    Purpose.CHANGE_PAYOUT: "If you did not ask for it, end your other sessions and choose a new password: another user is signed in "
    "to your account.",
}


@dataclass(frozen=True, slots=True)
class CodeDelivery:
    codes: Codes
    messenger: Messenger
    product_name: str


@job(at_once=8, priority=10, attempts=6)
async def deliver_code(delivery: CodeDelivery, code_id: int) -> None:
    """Its argument is the row's id: the code itself is computed here. A code that has expired is not sent."""
    sent = await delivery.codes.to_deliver(code_id)
    if sent is not None:
        message = code_message(delivery.product_name, Purpose(sent.purpose), delivery.codes.text(sent))
        await delivery.messenger.send(sent.contact, message)


@job(every="23 4 * * *")
async def delete_old_codes(codes: Codes) -> None:
    await codes.delete_old()


def code_message(product_name: str, purpose: Purpose, code: str) -> Message:
    minutes = LIFETIME.seconds // 60
    return letter(
        product_name,
        f"{code} is your {product_name} code",
        f"{_FOR[purpose]}. It is valid for {minutes} minutes. Do not tell it to anyone.",
        _OTHERWISE[purpose],
        code=code,
    )
