"""Google Play on this machine, as it is on the wire: the token endpoint, the Google Play Developer API, and Pub/Sub, which
pushes signed notifications."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from control_plane.config.stores import Google
from control_plane.payments.stores.model import Message
from tests.local_provider import LocalProvider, local_provider, public_text, rsa_key

PACKAGE = "com.example.show"
ACCOUNT = "play@show-4711.iam.gserviceaccount.com"
PUSH_ACCOUNT = "pubsub@show-4711.iam.gserviceaccount.com"
TOKEN_URL = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/androidpublisher"
ADDRESS = "https://live.example.com/stores/google"
BOUGHT_AT = "2026-11-29T18:30:00.123Z"
PAGE = 2
"""Voided purchases in one answer, at most."""


def credentials() -> str:
    """The JSON key of the service account."""
    key = rsa_key("google play").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "show-4711",
            "private_key_id": "k1",
            "private_key": key.decode(),
            "client_email": ACCOUNT,
            "token_uri": TOKEN_URL,
        }
    )


def purchase_token(name: str) -> str:
    """A purchase token in Google's form."""
    encoded = base64.urlsafe_b64encode(name.encode() * 30)[:120].decode().rstrip("=")
    return f"minodojglppganfbiedlabed.AO-J1O{encoded}"


@dataclass(frozen=True)
class Failure:
    """An answer other than success."""

    status: int
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)


def failure(status: int, reason: str, message: str, code: str = "") -> Failure:
    """As the API reports errors."""
    error = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "androidpublisher", "reason": reason}],
        **({"status": code} if code else {}),
    }
    return Failure(status, {"error": error})


UNKNOWN = failure(404, "purchaseTokenNotFound", "The purchase token was not found.")
GONE = failure(410, "purchaseTokenNoLongerValid", "The purchase token is no longer valid.")
INVALID = failure(400, "invalid", "Invalid Value")
OF_ANOTHER_APP = failure(
    400, "purchaseTokenDoesNotMatchPackageName", "The purchase token does not match the package name."
)
NO_SUCH_APP = failure(404, "applicationNotFound", "No application was found for the given package name.")
NOT_OWNED = failure(400, "productNotOwnedByUser", "The product purchase is not owned by the user.")
BUSY = failure(409, "concurrentUpdate", "The object is being updated.")
UNAUTHENTICATED = failure(401, "authError", "Request had invalid authentication credentials.", "UNAUTHENTICATED")
NO_PERMISSION = failure(403, "permissionDenied", "The current user has insufficient permissions.", "PERMISSION_DENIED")
QUOTA = failure(429, "rateLimitExceeded", "Quota exceeded.", "RESOURCE_EXHAUSTED")
BACKEND = failure(503, "backendError", "Backend Error", "UNAVAILABLE")
NOT_GOOGLE = Failure(404, "<html>Not Found</html>")
BAD_GATEWAY = Failure(502, "<html>Bad Gateway</html>")


@dataclass
class LocalGooglePlay:
    pubsub: LocalProvider
    """The issuer of Pub/Sub's tokens."""
    url: str = ""
    exchanges: int = 0
    purchases: dict[str, dict[str, Any]] = field(default_factory=dict)
    """ProductPurchaseV2 by purchase token."""
    other_apps: set[str] = field(default_factory=set)
    """Purchase tokens of other apps."""
    consumed: list[tuple[str, str]] = field(default_factory=list)
    """Product id and purchase token of each purchase that was consumed."""
    voided: list[dict[str, Any]] = field(default_factory=list)
    asked_since: list[int] = field(default_factory=list)
    token_failures: list[Failure] = field(default_factory=list)
    """Answers of the token endpoint, one each, before it succeeds again."""
    failures: list[Failure] = field(default_factory=list)
    """Answers of the API, one each, before it answers again."""
    consume_failures: list[Failure] = field(default_factory=list)
    """Answers to `consume`, one each, before it succeeds again."""
    revoked: set[str] = field(default_factory=set)
    """Access tokens that are not accepted any more."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: the API answers when this is set again."""
    requests: int = 0

    def settings(self, **changes: Any) -> Google:
        return Google(
            **{
                "package_name": PACKAGE,
                "credentials": credentials(),
                "url": self.url,
                "token_url": f"{self.url}/token",
                "push_account": PUSH_ACCOUNT,
                "push_issuer": self.pubsub.issuer,
                "push_jwks_url": self.pubsub.jwks_url,
                **changes,
            }
        )

    def buy(self, name: str, *, quantity: int = 1, state: str = "PURCHASED", **changes: Any) -> str:
        """A new purchase of `coins_100`; None leaves a field out. Returns its token."""
        token = purchase_token(name)
        purchase = {
            "kind": "androidpublisher#productPurchaseV2",
            "purchaseStateContext": {"purchaseState": state},
            "productLineItem": [
                {
                    "productId": "coins_100",
                    "productOfferDetails": {
                        "purchaseOptionId": "legacy-base",
                        "quantity": quantity,
                        "refundableQuantity": quantity,
                        "consumptionState": "CONSUMPTION_STATE_YET_TO_BE_CONSUMED",
                    },
                }
            ],
            "orderId": f"GPA.3398-{name}",
            "regionCode": "US",
            "purchaseCompletionTime": BOUGHT_AT,
            "acknowledgementState": "ACKNOWLEDGEMENT_STATE_PENDING",
            **changes,
        }
        self.purchases[token] = {name: value for name, value in purchase.items() if value is not None}
        return token

    def wait_for_payment(self, name: str) -> str:
        """A purchase that is paid later, such as in cash."""
        return self.buy(name, state="PENDING", orderId=None, purchaseCompletionTime=None)

    def refund(self, token: str, quantity: int | None = None) -> None:
        """None: wholly, which also cancels the purchase."""
        purchase = self.purchases[token]
        details = purchase["productLineItem"][0]["productOfferDetails"]
        voided = {"kind": "androidpublisher#voidedPurchase", "purchaseToken": token, "orderId": purchase["orderId"]}
        voided |= {"purchaseTimeMillis": "1796063400123", "voidedTimeMillis": f"179606{len(self.voided):07}"}
        if quantity is None:
            details["refundableQuantity"] = 0
            purchase["purchaseStateContext"] = {"purchaseState": "CANCELLED"}
        else:
            details["refundableQuantity"] -= quantity
            voided["voidedQuantity"] = quantity
        self.voided.append({**voided, "voidedSource": 0, "voidedReason": 1})

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/androidpublisher/"):
            return await handler(request)
        self.requests += 1
        await self.may_answer.wait()
        access = request.headers["Authorization"].removeprefix("Bearer ")
        if not access.startswith("access-") or access in self.revoked:
            return _answer(UNAUTHENTICATED)
        if self.failures:
            return _answer(self.failures.pop(0))
        if request.match_info["package"] != PACKAGE:
            return _answer(NO_SUCH_APP)
        return await handler(request)

    async def token(self, request: web.Request) -> web.Response:
        """RFC 7523, section 2.1: the assertion must be signed by the service account."""
        form = await request.post()
        self.exchanges += 1
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if self.token_failures:
            return _answer(self.token_failures.pop(0))
        key = public_text(rsa_key("google play"))
        try:
            claims = jwt.decode(str(form["assertion"]), key, algorithms=["RS256"], audience=TOKEN_URL)
        except jwt.PyJWTError:
            return web.json_response({"error": "invalid_grant"}, status=400)
        assert (claims["iss"], claims["scope"]) == (ACCOUNT, SCOPE)
        return web.json_response(
            {"access_token": f"access-{self.exchanges}", "expires_in": 3599, "token_type": "Bearer"}
        )

    async def get(self, request: web.Request) -> web.Response:
        token = request.match_info["token"]
        if token in self.other_apps:
            return _answer(OF_ANOTHER_APP)
        purchase = self.purchases.get(token)
        return _answer(UNKNOWN) if purchase is None else web.json_response(purchase)

    async def consume(self, request: web.Request) -> web.Response:
        token, product_id = request.match_info["token"], request.match_info["product"]
        if self.consume_failures:
            return _answer(self.consume_failures.pop(0))
        purchase = self.purchases.get(token)
        if purchase is None:
            return _answer(UNKNOWN)
        item = purchase["productLineItem"][0]
        details = item["productOfferDetails"]
        is_paid = purchase["purchaseStateContext"]["purchaseState"] == "PURCHASED"
        if not is_paid or details["consumptionState"] == "CONSUMPTION_STATE_CONSUMED":
            return _answer(NOT_OWNED)
        if item["productId"] != product_id:
            return _answer(INVALID)
        details["consumptionState"] = "CONSUMPTION_STATE_CONSUMED"
        purchase["acknowledgementState"] = "ACKNOWLEDGEMENT_STATE_ACKNOWLEDGED"
        self.consumed.append((product_id, token))
        return web.Response(status=204)

    async def list_voided(self, request: web.Request) -> web.Response:
        query = request.query
        assert query["includeQuantityBasedPartialRefund"] == "true"
        self.asked_since.append(int(query["startTime"]))
        begin = int(query.get("token", "page-0").removeprefix("page-"))
        answer: dict[str, Any] = {"pageInfo": {"resultPerPage": PAGE}}
        if shown := self.voided[begin : begin + PAGE]:
            answer["voidedPurchases"] = shown
        if begin + PAGE < len(self.voided):
            answer["tokenPagination"] = {"nextPageToken": f"page-{begin + PAGE}"}
        return web.json_response(answer)

    def push(self, content: Any, *, message_id: str = "136969346945", **claims: Any) -> Message:
        """What Pub/Sub sends for a notification. `claims`: changes of the token, as `LocalProvider.token` takes them."""
        claims = {"aud": ADDRESS, "email": PUSH_ACCOUNT, "hd": None, **claims}
        return self.push_with(self.pubsub.token(**claims), content, message_id)

    def push_with(self, token: str, content: Any, message_id: str = "136969346945") -> Message:
        data = base64.b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).decode()
        message = {"attributes": {}, "data": data, "messageId": message_id, "message_id": message_id}
        body = {"message": message, "subscription": "projects/show-4711/subscriptions/play"}
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return Message(headers, json.dumps(body).encode())


def notification(package_name: str = PACKAGE, **kind: Any) -> dict[str, Any]:
    """A DeveloperNotification with one kind, such as `testNotification={"version": "1.0"}`."""
    return {"version": "1.0", "packageName": package_name, "eventTimeMillis": "1796063400123", **kind}


def bought(token: str, kind: int = 1, **changes: Any) -> dict[str, Any]:
    """1: bought, 2: cancelled before the payment."""
    content = {"version": "1.0", "notificationType": kind, "purchaseToken": token, "sku": "coins_100"}
    return notification(**{"oneTimeProductNotification": content, **changes})


def voided(token: str, product_type: int = 2) -> dict[str, Any]:
    """`product_type` 1: a subscription."""
    content = {"purchaseToken": token, "orderId": "GPA.1", "productType": product_type, "refundType": 1}
    return notification(voidedPurchaseNotification=content)


@asynccontextmanager
async def local_google_play() -> AsyncIterator[LocalGooglePlay]:
    async with local_provider() as pubsub:
        play = LocalGooglePlay(pubsub)
        play.may_answer.set()
        app = web.Application(middlewares=[play.guard])
        purchases = "/androidpublisher/v3/applications/{package}/purchases"
        app.router.add_post("/token", play.token)
        app.router.add_get(f"{purchases}/productsv2/tokens/{{token}}", play.get)
        app.router.add_post(f"{purchases}/products/{{product}}/tokens/{{token}}:consume", play.consume)
        app.router.add_get(f"{purchases}/voidedpurchases", play.list_voided)
        async with TestServer(app) as server:
            play.url = str(server.make_url("")).rstrip("/")
            yield play


def _answer(failure: Failure) -> web.Response:
    if isinstance(failure.body, str | bytes):
        body = failure.body.encode() if isinstance(failure.body, str) else failure.body
        return web.Response(status=failure.status, body=body, headers=failure.headers)
    return web.json_response(failure.body, status=failure.status, headers=failure.headers)
