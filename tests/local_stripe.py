"""Stripe on this machine, as it is on the wire: the form-encoded API with its objects, idempotency keys and errors, a payment
page for browsers, and webhooks signed by HMAC. https://docs.stripe.com/api"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import itertools
import json
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "sk_test_4711"
WEBHOOK_SECRET = "whsec_first"
NEXT_WEBHOOK_SECRET = "whsec_second"
DECLINES = {"tok_chargeDeclined": "generic_decline", "tok_chargeDeclinedInsufficientFunds": "insufficient_funds"}
CONFIRMED_BY_BANK = "tok_threeDSecure2Required"
"""A token whose bank wants the buyer to confirm the payment."""

Object = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, type_: str, code: str | None = None, **more: Any) -> None:
        super().__init__(type_, code)
        self.status = status
        error = {"type": type_, "message": f"{type_}: {code}", "param": None, **more}
        self.body = {"error": error if code is None else {**error, "code": code}}


@dataclass
class LocalStripe:
    """`objects` holds what was made, by id. The methods without a request are what happens at Stripe, or what its dashboard
    and the banks do; each returns the event that Stripe sends about it."""

    url: str = ""
    objects: dict[str, Object] = field(default_factory=dict)
    failures: list[int] = field(default_factory=list)
    """HTTP statuses of the next answers, one each; they do nothing else."""
    hang: asyncio.Event | None = None
    """Set in a test: requests are answered when the event is set."""
    lost_answers: int = 0
    """The next requests are carried out, and their connections cut instead of answered."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    charged: int = 0
    """Sum of all successful charges."""
    _answers: dict[str, tuple[str, int, Object]] = field(default_factory=dict)
    _working: set[str] = field(default_factory=set)
    _used_tokens: set[str] = field(default_factory=set)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # ── the API ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = _nested(parse_qsl(await request.text() or request.query_string, keep_blank_values=True))
        self.requests.append((request.method, request.path))
        if self.hang is not None:
            await self.hang.wait()
        if self.failures:
            return web.json_response({"error": {"type": "api_error", "message": "?"}}, status=self.failures.pop(0))
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.json_response(
                {"error": {"type": "invalid_request_error", "message": "Invalid API Key"}}, status=401
            )
        assert re.fullmatch(r"20\d\d-\d\d-\d\d\.\w+", request.headers["Stripe-Version"]), "the library pins its version"
        status, body = await self._answer(request, form)
        if self.lost_answers:
            self.lost_answers -= 1
            assert request.transport is not None
            request.transport.close()
        return web.json_response(body, status=status)

    async def _answer(self, request: web.Request, form: Object) -> tuple[int, Object]:
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST":
            return self._tried(request, form)
        assert request.content_type == "application/x-www-form-urlencoded"
        said = json.dumps([request.path, form], sort_keys=True)
        if key in self._working:
            return 409, Refused(409, "idempotency_error", "idempotency_key_in_use").body
        if key in self._answers:
            before, status, body = self._answers[key]
            return (status, body) if before == said else (400, Refused(400, "idempotency_error").body)
        self._working.add(key)
        await asyncio.sleep(0)  # another request with this key may come now
        status, body = self._tried(request, form)
        self._working.discard(key)
        self._answers[key] = (said, status, json.loads(json.dumps(body)))
        return status, body

    def _tried(self, request: web.Request, form: Object) -> tuple[int, Object]:
        makers: Mapping[tuple[str, str], Callable[[Object], Object]] = {
            ("POST", "/v1/checkout/sessions"): self._new_session,
            ("POST", "/v1/payment_intents"): self._new_intent,
            ("GET", "/v1/disputes"): self._list_disputes,
        }
        try:
            if maker := makers.get((request.method, request.path)):
                return 200, maker(form)
            kind, _, id_ = request.path.removeprefix("/v1/").rpartition("/")
            if request.method != "GET" or kind not in ("checkout/sessions", "payment_intents"):
                raise Refused(404, "invalid_request_error")
            found = self.objects.get(id_)
            if found is None:
                raise Refused(404, "invalid_request_error", "resource_missing")
            return 200, self._expanded(found, list(form.get("expand", {}).values()))
        except Refused as refusal:
            return refusal.status, refusal.body

    def _new_session(self, form: Object) -> Object:
        (item,) = form["line_items"].values()
        assert (form["mode"], item["quantity"]) == ("payment", "1")
        assert 1800 <= int(form["expires_at"]) - time.time() <= 86_400
        price = item["price_data"]
        session = self._new(
            "checkout.session",
            "cs_test_",
            mode="payment",
            status="open",
            payment_status="unpaid",
            payment_intent=None,
            client_reference_id=form["client_reference_id"],
            metadata=form.get("metadata", {}),
            amount_total=int(price["unit_amount"]),
            currency=price["currency"],
            success_url=form["success_url"],
            cancel_url=form["cancel_url"],
        )
        session["url"] = f"{self.url}/pay/{session['id']}"
        session["_title"] = price["product_data"]["name"]
        session["_intent_data"] = form["payment_intent_data"]
        return session

    def _new_intent(self, form: Object) -> Object:
        """With `confirm` and a card token."""
        assert form["confirm"] == "true"
        assert form["automatic_payment_methods"] == {"enabled": "true", "allow_redirects": "never"}
        assert form["payment_method_data"]["type"] == "card"
        token = form["payment_method_data"]["card"]["token"]
        if token.startswith("tok_unknown"):
            raise Refused(400, "invalid_request_error", "resource_missing", param="payment_method_data[card][token]")
        if token in self._used_tokens:
            raise Refused(400, "invalid_request_error", "token_already_used")
        self._used_tokens.add(token)
        intent = self._intent_of(int(form["amount"]), form["currency"], form.get("metadata", {}))
        if code := DECLINES.get(token.partition("_x")[0]):
            self._charge(intent, paid=False)
            raise Refused(402, "card_error", "card_declined", decline_code=code, payment_intent=intent)
        if token.startswith(CONFIRMED_BY_BANK):
            intent |= {"status": "requires_action", "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}}}
        else:
            self._charge(intent)
        return intent

    def _list_disputes(self, form: Object) -> Object:
        data = [
            thing
            for thing in self.objects.values()
            if thing["object"] == "dispute" and thing["payment_intent"] == form["payment_intent"]
        ]
        return {"object": "list", "data": data, "has_more": False, "url": "/v1/disputes"}

    def _expanded(self, thing: Object, paths: list[str]) -> Object:
        thing = json.loads(json.dumps(thing))
        for path in paths:
            holder = thing
            for key in path.split("."):
                if isinstance(holder[key], str):
                    holder[key] = json.loads(json.dumps(self.objects[holder[key]]))
                if holder[key] is None:
                    break
                holder = holder[key]
        return thing

    # ── what happens at Stripe ───────────────────────────────────────────────────────────────────────────────────────

    def _new(self, kind: str, prefix: str, **fields: Any) -> Object:
        id_ = f"{prefix}{next(self._numbers)}{secrets.token_hex(6)}"
        made = {"id": id_, "object": kind, "created": int(time.time()), "livemode": False, **fields}
        self.objects[id_] = made
        return made

    def _intent_of(self, amount: int, currency: str, metadata: Object) -> Object:
        intent = self._new(
            "payment_intent",
            "pi_",
            amount=amount,
            amount_received=0,
            currency=currency,
            status="requires_payment_method",
            latest_charge=None,
            metadata=metadata,
            next_action=None,
            last_payment_error=None,
        )
        intent["client_secret"] = f"{intent['id']}_secret_{secrets.token_hex(8)}"
        return intent

    def _charge(self, intent: Object, *, paid: bool = True) -> None:
        charge = self._new(
            "charge",
            "ch_",
            amount=intent["amount"],
            amount_refunded=0,
            currency=intent["currency"],
            disputed=False,
            payment_intent=intent["id"],
            metadata=intent["metadata"],
            paid=paid,
        )
        intent["latest_charge"] = charge["id"]
        if paid:
            intent |= {"status": "succeeded", "amount_received": intent["amount"], "next_action": None}
            self.charged += intent["amount"]

    def pay(self, session_id: str, *, later: bool = False) -> Object:
        """The buyer pays on the page. `later`: by bank transfer, which takes days."""
        session = self.objects[session_id]
        assert session["status"] == "open"
        intent = self._intent_of(session["amount_total"], session["currency"], session["_intent_data"]["metadata"])
        session |= {"status": "complete", "payment_intent": intent["id"], "url": None}
        if later:
            intent["status"] = "processing"
        else:
            self._charge(intent)
            session["payment_status"] = "paid"
        return self.event("checkout.session.completed", session)

    def arrives(self, session_id: str, *, paid: bool = True) -> Object:
        """A bank transfer arrives, or fails."""
        session = self.objects[session_id]
        intent = self.objects[session["payment_intent"]]
        if paid:
            self._charge(intent)
            session["payment_status"] = "paid"
            return self.event("checkout.session.async_payment_succeeded", session)
        intent["status"] = "requires_payment_method"
        return self.event("checkout.session.async_payment_failed", session)

    def expire(self, session_id: str) -> Object:
        session = self.objects[session_id]
        session |= {"status": "expired", "url": None}
        return self.event("checkout.session.expired", session)

    def confirm(self, intent_id: str, *, approved: bool = True) -> Object:
        """The buyer confirms the payment at the bank, or does not."""
        intent = self.objects[intent_id]
        assert intent["status"] == "requires_action"
        if approved:
            self._charge(intent)
            return self.event("payment_intent.succeeded", intent)
        intent |= {"status": "requires_payment_method", "next_action": None}
        return self.event("payment_intent.payment_failed", intent)

    def refund(self, intent_id: str, amount: int | None = None) -> Object:
        charge = self.charge_of(intent_id)
        charge["amount_refunded"] += charge["amount"] if amount is None else amount
        return self.event("charge.refunded", charge)

    def dispute(self, intent_id: str, status: str = "needs_response") -> Object:
        charge = self.charge_of(intent_id)
        charge["disputed"] = True
        dispute = self._new(
            "dispute",
            "dp_",
            amount=charge["amount"],
            currency=charge["currency"],
            charge=charge["id"],
            payment_intent=intent_id,
            status=status,
        )
        return self.event("charge.dispute.created", dispute)

    def decide(self, dispute_id: str, status: str) -> Object:
        self.objects[dispute_id]["status"] = status
        return self.event("charge.dispute.closed", self.objects[dispute_id])

    def charge_of(self, intent_id: str) -> Object:
        return self.objects[self.objects[intent_id]["latest_charge"]]

    def intent_of(self, session_id: str) -> str:
        return str(self.objects[session_id]["payment_intent"])

    def intents(self) -> list[Object]:
        return [thing for thing in self.objects.values() if thing["object"] == "payment_intent"]

    def event(self, type_: str, thing: Object, **more: Any) -> Object:
        shown = {key: value for key, value in thing.items() if not key.startswith("_")}
        return {
            "id": f"evt_{next(self._numbers)}{secrets.token_hex(6)}",
            "object": "event",
            "type": type_,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": json.loads(json.dumps(shown))},
            **more,
        }

    # ── the payment page ─────────────────────────────────────────────────────────────────────────────────────────────

    async def page(self, request: web.Request) -> web.Response:
        session = self.objects[request.match_info["id"]]
        amount = f"{session['amount_total'] / 100:.2f} {session['currency'].upper()}"
        text = (
            "<!doctype html><html lang='en'><head><meta name='viewport' content='width=device-width'><title>Pay</title>"
            f"<link rel='icon' href='data:,'></head><body><h1>{html.escape(session['_title'])}</h1><p>{amount}</p>"
            "<form method='post'><button>Pay</button></form>"
            f"<a href='{html.escape(session['cancel_url'])}'>Back</a></body></html>"
        )
        return web.Response(text=text, content_type="text/html")

    async def paid(self, request: web.Request) -> web.Response:
        session = self.objects[request.match_info["id"]]
        self.pay(session["id"])
        raise web.HTTPSeeOther(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))


def signed(event: Object, *secrets_: str, at: float | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body of a webhook. `secrets_`: several while one is rolled."""
    body = json.dumps(event, indent=2).encode()
    timestamp = int(time.time() if at is None else at)
    made = [
        hmac.new(secret.encode(), b"%d.%s" % (timestamp, body), hashlib.sha256).hexdigest()
        for secret in secrets_ or (WEBHOOK_SECRET,)
    ]
    signature = ",".join([f"t={timestamp}", *(f"v1={one}" for one in made), "v0=00"])
    return {"stripe-signature": signature, "content-type": "application/json; charset=utf-8"}, body


@asynccontextmanager
async def local_stripe() -> AsyncIterator[LocalStripe]:
    service = LocalStripe()
    app = web.Application()
    app.router.add_get("/pay/{id}", service.page)
    app.router.add_post("/pay/{id}", service.paid)
    app.router.add_route("*", "/v1/{path:.*}", service.handle)
    async with TestServer(app) as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service


def _nested(pairs: list[tuple[str, str]]) -> Object:
    """`a[b][0]=c` as {"a": {"b": {"0": "c"}}}."""
    form: Object = {}
    for name, value in pairs:
        first, *rest = re.findall(r"[^\[\]]+", name)
        holder = form
        for part, following in zip([first, *rest], rest, strict=False):
            holder = holder.setdefault(part, {})
            first = following
        holder[first] = value
    return form
