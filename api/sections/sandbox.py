"""The sandbox, in development mode only: `POST /sandbox/purchases` issues receipts, which `purchaseCoin` verifies as it
does those of a real store, `/sandbox/payments` and `/sandbox/refunds` pay for and refund them, `GET /sandbox/codes` lists
the codes that were sent by mail or as text messages, and `GET /sandbox/pushes` the push messages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from aiohttp import web

from api.contract.call import Call
from api.contract.endpoint import Access, Beside, Section
from api.contract.platform import Platform
from api.contract.request import Request, Text
from control_plane.base.ids import LARGEST_ID
from control_plane.ledger.wallets import wallet
from control_plane.payments.errors import UnknownProduct
from control_plane.payments.packages_store import offered
from control_plane.payments.stores.model import Message, ReceiptRefused
from control_plane.payments.stores.sandbox import SandboxStore, Sold, choose

section = Section("sandbox")

CoinCount = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=100)]


class SandboxPurchase(Request, frozen=True, kw_only=True):
    coin: CoinCount | None = None
    """The package with this number of coins: 100, 500 …, as a number or as text; 0 or empty: by `product_id`."""
    product_id: Text = ""
    """The package of this id, such as `coins_100`; empty: by `coin`."""
    state: Sold = Sold.PURCHASED
    """The state that the store reports when `purchaseCoin` verifies the receipt."""
    quantity: Quantity = 1
    """How often the package is bought at once."""


class SandboxReceipt(msgspec.Struct, frozen=True, kw_only=True):
    transaction_id: str
    product_id: str
    coin: int
    price: float


@section.endpoint("sandbox/purchases", access=Access.PROVEN, refusals=(UnknownProduct,))
async def sandbox_purchase(call: Call, body: SandboxPurchase) -> SandboxReceipt | Beside:
    """Buy a coin package free of charge, by its number of coins or its product id. For scripts, the answer has the keys
    of the receipt beside `code` and `msg` too."""
    store = _store(call)
    product = choose(await offered(call.platform.database, store.name), body.product_id, body.coin)
    account = await call.payments.accounts.of(call.user_id)
    receipt = SandboxReceipt(
        transaction_id=store.receipts.sell(product, account, body.state, body.quantity),
        product_id=product.product_id,
        coin=product.coins * body.quantity,
        price=product.price_minor * body.quantity / 100,
    )
    return Beside(receipt, msgspec.structs.asdict(receipt))


class SandboxTransaction(Request, frozen=True, kw_only=True):
    transaction_id: Text
    """The receipt of `/sandbox/purchases`."""


class SandboxRefund(SandboxTransaction, frozen=True, kw_only=True):
    coin: CoinCount | None = None
    """How many of its coins are refunded in all: a later call with fewer reverses a part; 0 or empty: all of them."""


class SandboxWallet(msgspec.Struct, frozen=True, kw_only=True):
    wallet: int
    debt: int
    """Coins that were refunded after they were spent."""


@section.endpoint("sandbox/payments", access=Access.PROVEN, refusals=(ReceiptRefused,))
async def sandbox_payment(call: Call, body: SandboxTransaction) -> SandboxWallet | Beside:
    """Pay for a purchase that is `pending`, or reverse its refund. The store notifies this server, which credits the coins
    even if `purchaseCoin` is never called."""
    return await _notified(call, await _store(call).change(body.transaction_id))


@section.endpoint("sandbox/refunds", access=Access.PROVEN, refusals=(ReceiptRefused,))
async def sandbox_refund(call: Call, body: SandboxRefund) -> SandboxWallet | Beside:
    """Refund a purchase wholly or partly. The store notifies this server, which takes the coins back."""
    store = _store(call)
    coins = body.coin or store.coins_of(body.transaction_id)
    return await _notified(call, await store.change(body.transaction_id, refunded_coins=coins))


def _store(call: Call) -> SandboxStore:
    assert call.payments.sandbox is not None, "this endpoint exists in development mode only"
    return call.payments.sandbox


async def _notified(call: Call, message: Message) -> SandboxWallet | Beside:
    """The wallet of the caller after the notification was processed, which the job does for real stores."""
    await call.payments.notifications.take(SandboxStore.name, message)
    await call.payments.due.work()
    now = await wallet(call.platform.database, call.user_id)
    shown = SandboxWallet(wallet=now.total, debt=now.debt)
    return Beside(shown, msgspec.structs.asdict(shown))


LISTED_CODES = 100


class OpenCode(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    address: str
    channel: str
    purpose: str
    sent_at: dt.datetime


def sandbox_routes(platform: Platform) -> list[web.AbstractRouteDef]:
    """GET, because a developer opens them in a browser. The newest comes first."""
    return [
        web.get("/sandbox/codes", _codes_handler(platform)),
        web.get("/sandbox/pushes", _pushes_handler(platform)),
    ]


def _pushes_handler(platform: Platform) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def list_pushes(_: web.Request) -> web.Response:
        return _listed({"pushes": list(platform.pushing.logged.newest)})

    return list_pushes


def _codes_handler(platform: Platform) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def list_codes(_: web.Request) -> web.Response:
        codes = platform.accounts.codes
        listed = [
            OpenCode(
                code=codes.text(sent),
                address=sent.contact.address,
                channel=sent.contact.channel,
                purpose=sent.purpose,
                sent_at=sent.created_at,
            )
            for sent in await codes.newest(LISTED_CODES)
        ]
        return _listed({"codes": listed})

    return list_codes


def _listed(content: object) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})
