"""What must happen to coins, in plain Python and independent of the product's rules."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.ledger.account import COMMISSION, STORE, Account, bought, debt, earned, reward
from control_plane.ledger.transfers import InDebt, NotEnoughCoins
from control_plane.ledger.wallets import Wallet

Legs = dict[Account, int]


def given(purse: Wallet, sender: UserId, receiver: UserId, price: int, bps: int) -> Legs:
    """Rewards first, then bought coins, then earned ones. The installation keeps its share of the whole price, rounded down;
    so much of it comes from what was not paid with rewards as is the share of that, rounded down."""
    rewards = min(purse.reward, price)
    money = price - rewards
    share, share_of_money = price * bps // 10_000, money * bps // 10_000
    spent = min(purse.bought, money)
    return moved(
        (reward(sender), -rewards),
        (bought(sender), -spent),
        (earned(sender), spent - money),
        (earned(receiver), money - share_of_money),
        (reward(receiver), rewards - (share - share_of_money)),
        (COMMISSION, share),
    )


def gift_refused(purse: Wallet, price: int) -> ControlPlaneError | None:
    if purse.debt:
        return InDebt(purse.debt)
    if price > purse.total:
        return NotEnoughCoins(price - purse.total)
    return None


def credited(purse: Wallet, user: UserId, coins: int) -> Legs:
    """Debt is paid first."""
    paid = min(purse.debt, coins)
    return moved((STORE, -coins), (debt(user), paid), (bought(user), coins - paid))


def taken_back(purse: Wallet, user: UserId, coins: int) -> Legs:
    """Bought coins first, then earned ones, then rewards; what is not there becomes debt."""
    of_bought = min(purse.bought, coins)
    of_earned = min(purse.earned, coins - of_bought)
    of_reward = min(purse.reward, coins - of_bought - of_earned)
    return moved(
        (bought(user), -of_bought),
        (earned(user), -of_earned),
        (reward(user), -of_reward),
        (debt(user), of_bought + of_earned + of_reward - coins),
        (STORE, coins),
    )


def given_again(purse: Wallet, user: UserId, coins: int, lost: Mapping[Account, int]) -> Legs:
    """Debt is paid first. Then each kind gets back what the refunds of the purchase took, rewards first; the rest is
    bought."""
    legs = {STORE: -coins}
    for account, most in (
        (debt(user), purse.debt),
        (reward(user), lost.get(reward(user), 0)),
        (earned(user), lost.get(earned(user), 0)),
        (bought(user), coins),
    ):
        legs[account] = min(max(most, 0), -sum(legs.values()))
    return moved(*legs.items())


def moved(*legs: tuple[Account, int]) -> Legs:
    return {account: amount for account, amount in legs if amount}
