"""Payouts: the address that earned coins are paid out to, and requests."""

from __future__ import annotations

import re

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.client import Client
from api.contract.endpoint import Access, Section
from api.contract.paging import window
from api.contract.request import CallerId, ClientRef, MalformedRequest, Page, Request, Text
from api.wire.payout import Payout, WithdrawRequest, details_view, request_view
from api.wire.person import User
from api.wire.profile import caller_of, own_user
from control_plane.accounts.age import AgeUnknown, TooYoung
from control_plane.accounts.codes.codes import WrongCode
from control_plane.accounts.password_hashing import PasswordsBusy
from control_plane.accounts.passwords import TooManyAttempts, WrongPassword
from control_plane.ledger.transfers import IdempotencyConflict, InDebt, InvalidClientRef
from control_plane.payouts.details import Proof
from control_plane.payouts.model import (
    AlreadyRequested,
    InvalidCoins,
    InvalidPayoutDetails,
    NoPayoutDetails,
    NotWithdrawable,
    NoWayToProve,
    OtherPayoutDetails,
    PayoutOnHold,
    ProofNeeded,
    TooFewCoins,
)

section = Section("wallet")

_COINS = re.compile(r"([0-9]{1,18})(?:\.0*)?")


class WithdrawRequestBody(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    coin: Text = ""
    """The number of coins, also as decimal text such as `1500.0`. Empty, or as many as the whole wallet has: all that
    can be withdrawn."""
    amount: Text = ""
    """What the app computed. Not used."""
    email: Text = ""
    """The address that the app knows. It becomes the payout address of a user without one, and else must be the
    stored one: as it is, or as the server shows it. Empty: the stored one."""
    client_ref: ClientRef | None = None
    """A repeated call with the same key has the first answer. Without it, equal calls that overlap share one answer."""


class WithdrawAnswer(msgspec.Struct, frozen=True, kw_only=True):
    withdraw_request: WithdrawRequest = field(name="WithdrawRequest")
    withdrawal_request: WithdrawRequest = field(name="WithdrawalRequest")
    user: User = field(name="User")


@section.endpoint(
    "withdrawRequest",
    access=Access.PROVEN,
    refusals=(
        *(AlreadyRequested, NotWithdrawable, TooFewCoins, InvalidCoins, InDebt, AgeUnknown, TooYoung),
        *(NoPayoutDetails, OtherPayoutDetails, InvalidPayoutDetails, PayoutOnHold),
        *(IdempotencyConflict, InvalidClientRef),
    ),
)
async def withdraw_request(call: Call, body: WithdrawRequestBody) -> WithdrawAnswer:
    """Ask for a payout of earned coins, which are reserved at once. The server computes the amount. `User` in the answer
    is the caller, with the wallet after the reservation."""
    coins = _coins(body.coin)
    if body.email:
        await call.payouts.details.use(call.user_id, body.email, call.requester)
    view = request_view(await call.payouts.withdrawing.request(call.user_id, coins, body.client_ref))
    return WithdrawAnswer(withdraw_request=view, withdrawal_request=view, user=own_user(call, await caller_of(call)))


def _coins(text: str) -> int | None:
    if not text:
        return None
    whole = _COINS.fullmatch(text)
    if whole is None:
        raise MalformedRequest("coin must be a whole number.")
    return int(whole[1])


class ShowWithdrawalHistory(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


class WithdrawalEntry(msgspec.Struct, frozen=True):
    withdraw_request: WithdrawRequest = field(name="WithdrawRequest")
    withdrawal_request: WithdrawRequest = field(name="WithdrawalRequest")


@section.endpoint("showWithdrawalHistory", access=Access.PROVEN)
async def show_withdrawal_history(call: Call, body: ShowWithdrawalHistory) -> list[WithdrawalEntry]:
    """The caller's requests for payouts, newest first."""
    limit, offset = window(body.starting_point)
    views = [request_view(payout) for payout in await call.payouts.of_user(call.user_id, limit, offset)]
    return [WithdrawalEntry(view, view) for view in views]


class AddPayout(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    value: Text = ""
    """The address: a PayPal email address, an IBAN or a wallet address."""
    type: Text = ""
    """`paypal`, `bank` or `wallet`. Empty: found by the address."""
    wallet_address: Text = ""
    """Used when `value` is empty."""
    paypal: Text = ""
    """Used when `value` and `wallet_address` are empty."""
    password: Text = ""
    """The caller's password: to change an address."""
    code: Text = ""
    """Instead of the password: the code that the account page sent."""


class AddPayoutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    payout: Payout = field(name="Payout")
    user: User = field(name="User")


@section.endpoint(
    "addPayout",
    access=Access.PROVEN,
    refusals=(
        *(InvalidPayoutDetails, ProofNeeded, NoWayToProve),
        *(WrongCode, WrongPassword, TooManyAttempts, PasswordsBusy),
    ),
)
async def add_payout(call: Call, body: AddPayout) -> AddPayoutAnswer:
    """Add the address that payouts go to, or change it. A change needs the password or a code, else it is refused with a
    text that sends the user to the account page. After a change, payouts are held for some time."""
    text = body.value or body.wallet_address or body.paypal
    method = "paypal" if body.paypal and text == body.paypal else body.type
    proof = Proof(body.password, body.code)
    details = await call.payouts.details.set(call.user_id, text, method, call.requester, proof)
    own = own_user(call, await caller_of(call))
    return AddPayoutAnswer(payout=details_view(details, text), user=msgspec.structs.replace(own, paypal=text))


class PayoutEntry(msgspec.Struct, frozen=True):
    payout_method: Payout = field(name="PayoutMethod")


class ShowPayoutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    payout: Payout = field(name="Payout")
    payout_method: list[Payout] = field(name="PayoutMethod")


class ShowPayout(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None


@section.endpoint("showPayout", access=Access.PROVEN, refusals=(NoPayoutDetails,))
async def show_payout(call: Call, body: ShowPayout) -> ShowPayoutAnswer | list[PayoutEntry]:
    """The address that the caller's payouts go to, most of it hidden. For clients that are no app: a list of one."""
    try:
        view = details_view(await call.payouts.details.of(call.user_id))
    except NoPayoutDetails:
        if call.client is Client.DOCUMENT:
            return []
        raise
    if call.client is Client.DOCUMENT:
        return [PayoutEntry(view)]
    return ShowPayoutAnswer(payout=view, payout_method=[view])
