"""The amounts of transfers, as pure functions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.base.ids import UserId
from control_plane.ledger import amounts
from control_plane.ledger.account import COMMISSION, STORE, bought, debt, earned, reward
from control_plane.ledger.transfers import InDebt, NotEnoughCoins
from control_plane.ledger.wallets import Wallet

ANN, BEN = UserId(1), UserId(2)
coins = st.integers(0, 10**6)


def test_rewards_pay_first_then_bought_coins_then_earned_ones() -> None:
    wallet = Wallet(bought=3, earned=5, reward=2)

    assert amounts.gift(wallet, ANN, BEN, 2) == {reward(ANN): -2, reward(BEN): 2}
    assert amounts.gift(wallet, ANN, BEN, 5) == {reward(ANN): -2, bought(ANN): -3, earned(BEN): 3, reward(BEN): 2}
    assert amounts.gift(wallet, ANN, BEN, 6)[earned(ANN)] == -1
    with pytest.raises(NotEnoughCoins) as refused:
        amounts.gift(wallet, ANN, BEN, 11)
    assert refused.value.missing == 1


def test_a_commission_is_rounded_down_for_the_whole_gift() -> None:
    moved = amounts.gift(Wallet(bought=100), ANN, BEN, 99, commission_bps=3000)

    assert moved == {bought(ANN): -99, earned(BEN): 70, COMMISSION: 29}
    assert COMMISSION not in amounts.gift(Wallet(bought=1), ANN, BEN, 1, commission_bps=9999)


def test_debt_stops_gifts_and_is_paid_by_the_next_purchase() -> None:
    wallet = Wallet(bought=10, debt=7)

    with pytest.raises(InDebt):
        amounts.gift(wallet, ANN, BEN, 1)
    assert amounts.purchase(wallet, ANN, 5) == {STORE: -5, debt(ANN): 5}
    assert amounts.purchase(wallet, ANN, 9) == {STORE: -9, debt(ANN): 7, bought(ANN): 2}


def test_a_refund_takes_what_is_there_and_leaves_the_rest_as_debt() -> None:
    assert amounts.refund(Wallet(bought=9, earned=9), ANN, 5) == {bought(ANN): -5, STORE: 5}
    assert amounts.refund(Wallet(bought=1, earned=2, reward=3), ANN, 10) == {
        bought(ANN): -1,
        earned(ANN): -2,
        reward(ANN): -3,
        debt(ANN): -4,
        STORE: 10,
    }


@given(bought_=coins, earned_=coins, reward_=coins, price=st.integers(1, 10**6), bps=st.integers(0, 10_000))
def test_a_gift_sums_to_zero_and_leaves_nothing_below_zero(
    bought_: int, earned_: int, reward_: int, price: int, bps: int
) -> None:
    wallet = Wallet(bought_, earned_, reward_)
    try:
        moved = amounts.gift(wallet, ANN, BEN, price, bps)
    except NotEnoughCoins:
        assert price > wallet.total
        return
    assert sum(moved.values()) == 0
    assert moved.get(COMMISSION, 0) == price * bps // 10_000
    assert -moved.get(bought(ANN), 0) <= bought_
    assert -moved.get(earned(ANN), 0) <= earned_
    assert -moved.get(reward(ANN), 0) <= reward_
    assert moved.get(earned(BEN), 0) >= 0
    assert moved.get(reward(BEN), 0) >= 0
    assert moved.get(reward(BEN), 0) <= -moved.get(reward(ANN), 0)
