"""The job that sends a code."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.accounts.codes.codes import LIFETIME, Codes
from control_plane.delivery.messenger import Message, Messenger
from control_plane.jobs.kind import job


@dataclass(frozen=True, slots=True)
class CodeDelivery:
    codes: Codes
    messenger: Messenger


@job(at_once=8, priority=10, attempts=6)
async def deliver_code(delivery: CodeDelivery, code_id: int) -> None:
    """Its argument is the row's id: the code itself is computed here. A code that has expired is not sent."""
    sent = await delivery.codes.to_deliver(code_id)
    if sent is not None:
        await delivery.messenger.send(sent.contact, _message(delivery.codes.text(sent)))


@job(every="23 4 * * *")
async def delete_old_codes(codes: Codes) -> None:
    await codes.delete_old()


def _message(code: str) -> Message:
    minutes = LIFETIME.seconds // 60
    return Message(
        subject=f"{code} is your code",
        text=f"{code} is your code. It is valid for {minutes} minutes. If you did not ask for it, ignore this message.",
    )
