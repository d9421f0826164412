"""The sandbox, in development mode only: `POST /sandbox/purchases` issues receipts, which `purchaseCoin` verifies as it
does those of a real store, `GET /sandbox/codes` lists the codes that were sent by mail or as text messages, and
`GET /sandbox/pushes` the push messages."""

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
from control_plane.payments.purchases import UnknownProduct, choose_package
from control_plane.payments.shops import ReceiptState
from control_plane.payments.store import packages

section = Section("sandbox")

CoinCount = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]


class SandboxPurchase(Request, frozen=True, kw_only=True):
    coin: CoinCount | None = None
    """The package with this number of coins: 100, 500 …, as a number or as text; 0 or empty: by `product_id`."""
    product_id: Text = ""
    """The package of this id, such as `coins_100`; empty: by `coin`."""
    state: ReceiptState = ReceiptState.PURCHASED
    """The state that the store reports when `purchaseCoin` verifies the receipt."""


class SandboxReceipt(msgspec.Struct, frozen=True, kw_only=True):
    transaction_id: str
    product_id: str
    coin: int
    price: float


@section.endpoint("sandbox/purchases", access=Access.PROVEN, refusals=(UnknownProduct,))
async def sandbox_purchase(call: Call, body: SandboxPurchase) -> SandboxReceipt | Beside:
    """Buy a coin package free of charge, by its number of coins or its product id. For scripts, the answer has the keys
    of the receipt beside `code` and `msg` too."""
    assert call.payments.sandbox is not None, "this endpoint exists in development mode only"
    package = choose_package(await packages(call.platform.database), body.product_id, body.coin)
    receipt = SandboxReceipt(
        transaction_id=call.payments.sandbox.issue(call.user_id, package, body.state),
        product_id=package.product_id,
        coin=package.coins,
        price=package.price_minor / 100,
    )
    return Beside(receipt, msgspec.structs.asdict(receipt))


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
