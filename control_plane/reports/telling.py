"""Tells both sides what was decided about a report, and why: by the inbox, and by mail or text message where the user
cannot sign in. The reported user never learns who reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from control_plane.accounts.contacts_store import lock_contacts
from control_plane.base.errors import present
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.letter import letter
from control_plane.delivery.messenger import Message, Messenger
from control_plane.inbox.model import Kind
from control_plane.inbox.own_matters import tell_of_own
from control_plane.jobs.kind import job
from control_plane.reports import store
from control_plane.reports.appeals import Appeals
from control_plane.reports.model import LOCKS, STREAM, USER, Action, Decision

BATCH = 1000
"""Reporters told in one transaction. More: their inboxes are locked for longer. Fewer: more transactions."""
BATCH_S = 30.0
"""Deadline of such a transaction. Shorter: a slow disk makes the job start again."""


@dataclass(frozen=True, slots=True)
class Telling:
    database: Database
    messenger: Messenger
    appeals: Appeals
    product_name: str
    appeal_url: Callable[[int, str], str]
    """The page for an appeal of a decision, with the code that proves the user."""


@job(at_once=2)
async def tell_decision(telling: Telling, decision_id: int) -> None:
    """A second run tells only those whom the first one did not reach."""
    decision = await _decision(telling.database, decision_id)
    async with telling.database.transaction() as connection:
        if await store.take_untold_user(connection, decision_id):
            text = f"{what_happened(decision)} {decision.why}"
            await tell_of_own(connection, Kind.DECISION, decision_id, text, [decision.user_id])
    text = f"{_outcome(decision)} {decision.why}"
    more = True
    while more:
        async with telling.database.transaction(BATCH_S) as connection:
            reporters = await store.take_untold(connection, decision_id, BATCH)
            told = [user_id for user_id in reporters if user_id is not None]
            await tell_of_own(connection, Kind.REPORT_CLOSED, decision_id, text, told)
        more = len(reporters) == BATCH


@job()
async def tell_appeal(telling: Telling, decision_id: int) -> None:
    decision = await _decision(telling.database, decision_id)
    async with telling.database.transaction() as connection:
        if await store.take_untold_appeal(connection, decision_id):
            text = f"{_answer(decision)} {decision.appeal_answer}"
            await tell_of_own(connection, Kind.APPEAL_CLOSED, decision_id, text, [decision.user_id])


@job(at_once=8, priority=5)
async def send_letter(telling: Telling, decision_id: int, about_appeal: bool = False) -> None:
    """Its argument is the id of the decision, so that the queue holds no address."""
    decision = await _decision(telling.database, decision_id)
    if about_appeal and decision.action not in LOCKS:
        return  # the inbox tells it
    async with telling.database.transaction() as connection:
        contacts = await lock_contacts(connection, decision.user_id)
    to = next((contact for contact in _mail_first(contacts) if contact.channel in telling.messenger.channels), None)
    if to is not None:
        await telling.messenger.send(to, (_appeal_letter if about_appeal else _letter)(telling, decision))


async def _decision(database: Database, decision_id: int) -> Decision:
    return present(await store.decision(database, decision_id), "decisions are never deleted")


def _mail_first(contacts: list[Contact]) -> list[Contact]:
    return sorted(contacts, key=lambda contact: contact.channel is not Channel.EMAIL)


def what_happened(decision: Decision) -> str:
    """To the user on whom the decision acts."""
    thing = decision.subject.kind.replace("_", " ")
    match decision.action:
        case Action.REMOVE if decision.subject.kind == USER:
            return "We have removed the texts and pictures of your profile."
        case Action.END | Action.REMOVE if decision.subject.kind == STREAM:
            return "We have ended your stream."
        case Action.SUSPEND:
            return f"Your account is suspended until {decision.until:%Y-%m-%d %H:%M} UTC."
        case Action.BAN:
            return "Your account is blocked."
        case _:
            return f"We have removed your {thing}."


def _outcome(decision: Decision) -> str:
    """To the reporters."""
    if decision.action is Action.NONE:
        return "We found nothing against our rules."
    return "It was against our rules, and we have acted."


def _answer(decision: Decision) -> str:
    return "Your appeal is accepted." if decision.appeal_accepted else "Your appeal is rejected."


def _letter(telling: Telling, decision: Decision) -> Message:
    address = telling.appeal_url(decision.id, telling.appeals.code(decision.id))
    return letter(
        telling.product_name,
        f"A decision about your {telling.product_name} account",
        what_happened(decision),
        f"The reason: {decision.why}",
        f"If you think that this is wrong, you can appeal once, within {telling.appeals.days} days: {address}",
    )


def _appeal_letter(telling: Telling, decision: Decision) -> Message:
    then = "You can sign in again." if decision.appeal_accepted else "The decision stays."
    return letter(
        telling.product_name,
        f"Your appeal about your {telling.product_name} account",
        _answer(decision),
        decision.appeal_answer,
        then,
    )
