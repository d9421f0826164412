"""`/shop`: where our pages buy coins, and what they cost there. `/coins`: where buyers who came from an app are after
Stripe's payment page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from aiohttp import web

from api.contract.platform import Platform
from api.pages.answers import json
from api.pages.html import Html
from api.wire.wallet import CoinPackage, offer_view
from control_plane.payments.packages_store import offered

StoreOfPages = Literal["stripe", "sandbox", ""]


class ShopView(msgspec.Struct, frozen=True):
    store: StoreOfPages
    packages: Sequence[CoinPackage]


def store_of_pages(platform: Platform) -> StoreOfPages:
    """ "": coins are bought in the apps only."""
    if platform.payments.card_sales is not None:
        return "stripe"
    return "sandbox" if platform.payments.sandbox is not None else ""


class ShopPage:
    def __init__(self, platform: Platform, html: Html) -> None:
        self._platform = platform
        self._html = html

    async def show(self, request: web.Request) -> web.Response:
        store = store_of_pages(self._platform)
        products = await offered(self._platform.database, store) if store else ()
        return json(ShopView(store, [offer_view(product) for product in products]))

    async def back(self, request: web.Request) -> web.Response:
        """What Stripe says is only a hint here: the coins come when our server has asked Stripe."""
        if "checkout" in request.query:
            return self._html.message(
                request, "Thank you", "Your coins are on the way. You can go back to the app.", 200
            )
        return self._html.message(request, "Nothing was charged", "You can go back to the app.", 200)
