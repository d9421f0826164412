"""The history of the caller's coins. The call is ours."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Request
from api.wire.coin_history import CoinMovement, movement_view, payout_text
from control_plane.gifts import store as gifts
from control_plane.ledger.history import NEWEST, history
from control_plane.ledger.transfers import Operation
from control_plane.payments import purchases_store as payments
from control_plane.payouts import store as payouts
from control_plane.social.people import people

section = Section("coin history")

PAGE_SIZE = 30
"""More: an answer is larger. Fewer: a screen takes several calls."""
_OF_PURCHASES = (Operation.PURCHASE, Operation.REFUND)
_OF_PAYOUTS = (Operation.PAYOUT, Operation.PAYOUT_RETURNED)
Before = Annotated[int, msgspec.Meta(ge=1, le=NEWEST)]


class ShowCoinHistory(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    before: Before | None = None
    """The id of a movement: those before it. Empty: the newest ones."""


class CoinHistory(msgspec.Struct, frozen=True, kw_only=True):
    movements: list[CoinMovement]
    """At most 30, newest first. A gift that was paid with coins of two kinds is two movements."""
    more: int
    """1: call again, with the id of the last movement as `before`."""


@section.endpoint("showCoinHistory", access=Access.PROVEN)
async def show_coin_history(call: Call, body: ShowCoinHistory) -> CoinHistory:
    """Where the caller's coins came from and where they went, each movement with the wallet after it. A user whom the
    caller cannot see is "a user"."""
    database = call.platform.database
    page = await history(database, call.user_id, PAGE_SIZE, body.before or NEWEST)
    sent = await gifts.of_transfers(
        database, [movement.transfer_id for movement in page.movements if movement.operation == Operation.GIFT]
    )
    bought = await payments.titles_of_transfers(
        database, [movement.transfer_id for movement in page.movements if movement.operation in _OF_PURCHASES]
    )
    paid_out = await payouts.of_transfers(
        database, [movement.transfer_id for movement in page.movements if movement.operation in _OF_PAYOUTS]
    )
    parties = {user_id for gift in sent.values() for user_id in (gift.sender_id, gift.receiver_id)}
    shown = await people(database, call.user_id, sorted(parties))
    about = {**bought, **{transfer_id: payout_text(payout) for transfer_id, payout in paid_out.items()}}
    return CoinHistory(
        movements=[
            movement_view(
                movement, sent.get(movement.transfer_id), about.get(movement.transfer_id, ""), shown, call.urls
            )
            for movement in page.movements
        ],
        more=int(page.more),
    )
