"""What a transfer moves: pure functions from wallets to amounts by account, which sum to zero."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.base.ids import UserId
from control_plane.ledger.account import COMMISSION, STORE, Account, bought, debt, earned, reward
from control_plane.ledger.transfers import InDebt, NotEnoughCoins
from control_plane.ledger.wallets import Wallet

BASIS_POINTS = 10_000


def gift(
    wallet: Wallet, sender_id: UserId, receiver_id: UserId, coins: int, commission_bps: int = 0
) -> dict[Account, int]:
    """A gift of `coins`. Rewards pay first, then bought coins, then earned ones. What is paid with rewards stays a reward
    of the receiver. The commission is rounded down. Raises InDebt and NotEnoughCoins.

    `gifts_send` in the database does the same for many gifts at once.
    """
    if wallet.debt:
        raise InDebt(wallet.debt)
    if wallet.total < coins:
        raise NotEnoughCoins(coins - wallet.total)
    of_reward = min(wallet.reward, coins)
    of_bought = min(wallet.bought, coins - of_reward)
    paid = coins - of_reward
    commission = coins * commission_bps // BASIS_POINTS
    of_paid = paid * commission_bps // BASIS_POINTS
    return _without_zeros(
        {
            reward(sender_id): -of_reward,
            bought(sender_id): -of_bought,
            earned(sender_id): of_bought - paid,
            earned(receiver_id): paid - of_paid,
            reward(receiver_id): of_reward - (commission - of_paid),
            COMMISSION: commission,
        }
    )


def purchase(wallet: Wallet, user_id: UserId, coins: int) -> dict[Account, int]:
    """Credit bought coins; they pay the user's debt first."""
    of_debt = min(wallet.debt, coins)
    return _without_zeros({STORE: -coins, debt(user_id): of_debt, bought(user_id): coins - of_debt})


def refund(wallet: Wallet, user_id: UserId, coins: int) -> dict[Account, int]:
    """Take the coins of a refunded purchase back as far as they are there, bought ones first; the rest becomes debt."""
    of_bought = min(wallet.bought, coins)
    of_earned = min(wallet.earned, coins - of_bought)
    of_reward = min(wallet.reward, coins - of_bought - of_earned)
    return _without_zeros(
        {
            bought(user_id): -of_bought,
            earned(user_id): -of_earned,
            reward(user_id): -of_reward,
            debt(user_id): of_bought + of_earned + of_reward - coins,
            STORE: coins,
        }
    )


def reversal(wallet: Wallet, user_id: UserId, coins: int, taken: Wallet) -> dict[Account, int]:
    """Give coins of a refund again that was reversed. They pay the debt first. Then each kind gets back what the refunds of
    this purchase took from it (`taken`), rewards first: else they would come back as coins that can be withdrawn once they
    are given to another user."""
    of_debt = min(wallet.debt, coins)
    of_reward = min(taken.reward, coins - of_debt)
    of_earned = min(taken.earned, coins - of_debt - of_reward)
    return _without_zeros(
        {
            STORE: -coins,
            debt(user_id): of_debt,
            reward(user_id): of_reward,
            earned(user_id): of_earned,
            bought(user_id): coins - of_debt - of_reward - of_earned,
        }
    )


def _without_zeros(amounts: Mapping[Account, int]) -> dict[Account, int]:
    return {account: amount for account, amount in amounts.items() if amount}
