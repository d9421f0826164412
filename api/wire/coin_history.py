"""A movement of coins, and what it was in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import msgspec
from msgspec import UNSET, UnsetType, field

from api.http.urls import Urls
from api.wire.person import User, seen_view
from api.wire.values import NO_TIME, WireTime, wire_time
from control_plane.base.ids import UserId
from control_plane.gifts.gift import SentGift
from control_plane.ledger.account import Kind
from control_plane.ledger.history import Movement
from control_plane.ledger.transfers import Operation
from control_plane.payouts.model import Payout
from control_plane.social.model import Seen

UNNAMED = "a user"
"""A user whom the caller cannot see: blocked either way, banned or deleted."""


KindOfCoins = Literal["bought", "earned", "reward", "debt"]


class CoinMovement(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    kind: KindOfCoins
    """Which coins. Bought, earned and reward coins make the wallet. Debt is what a refunded purchase left."""
    coin: int
    """Below zero: coins that were spent, withdrawn or taken back, or new debt."""
    wallet: int
    """The whole wallet after it: bought, earned and reward coins."""
    debt: int
    """Coins owed after it."""
    operation: str
    """`gift`, `purchase`, `refund`, `reward`, `payout`, `payout_returned` or `adjustment`; later releases may have more."""
    text: str
    """What it was, in words."""
    created: WireTime = NO_TIME
    user: User | UnsetType = field(default=UNSET, name="User")
    """The other user of a gift, if the caller can see it."""


def movement_view(
    movement: Movement, gift: SentGift | None, about: str, shown: Mapping[UserId, Seen], urls: Urls
) -> CoinMovement:
    """`about`: what was bought, refunded or paid out. `shown`: the users whom the caller sees."""
    other = shown.get(gift.sender_id if movement.coins > 0 else gift.receiver_id) if gift is not None else None
    return CoinMovement(
        id=movement.id,
        kind=cast("KindOfCoins", movement.kind.value),
        coin=movement.coins,
        wallet=movement.wallet,
        debt=movement.debt,
        operation=movement.operation,
        text=_text(movement, gift, about, UNNAMED if other is None else other.user.username),
        created=wire_time(movement.created_at),
        user=UNSET if other is None else seen_view(other, urls),
    )


def _text(movement: Movement, gift: SentGift | None, about: str, other: str) -> str:
    if gift is not None:
        what = gift.title if gift.count == 1 else f"{gift.count} × {gift.title}"
        return f"{what} from {other}" if movement.coins > 0 else f"{what} to {other}"
    grows, shrinks = _TEXTS_OF_DEBT if movement.kind is Kind.DEBT else _TEXTS.get(movement.operation, _OTHER)
    text = grows if movement.coins > 0 else shrinks
    return f"{text}: {about}" if about else text


def payout_text(payout: Payout) -> str:
    """Such as `12.50 USD, paid`."""
    return f"{payout.amount} {payout.currency}, {payout.state.value}"


_TEXTS: Mapping[str, tuple[str, str]] = {
    Operation.PURCHASE: ("Purchase", "Purchase"),
    Operation.REFUND: ("Refund reversed", "Refund"),
    Operation.REWARD: ("Daily check-in", "Reward taken back"),
    Operation.PAYOUT: ("Payout", "Payout"),
    Operation.PAYOUT_RETURNED: ("Payout returned", "Payout"),
    Operation.ADJUSTMENT: ("Given by the operators", "Taken back by the operators"),
}
"""For coins that came, and for coins that went."""
_TEXTS_OF_DEBT = ("Debt paid", "Debt of a refund")
_OTHER = ("Coins came", "Coins went")
