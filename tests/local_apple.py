"""The App Store Server API on this machine: it has a certificate chain of its own with the OIDs of Apple's, checks our
bearer tokens, serves signed transactions, and signs notifications, valid and invalid ones."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from control_plane.config.stores import Apple
from tests.local_provider import ec_key

BUNDLE = "com.example.app"
APP_ID = 1_234_567_890
ISSUER = "57246542-96fe-1a63-e053-0824d011072a"
KEY_ID = "2X9R4HXF34"
PRODUCT = "com.example.coins.100"
LEAF_OID = "1.2.840.113635.100.6.11.1"
INTERMEDIATE_OID = "1.2.840.113635.100.6.2.1"
UNKNOWN = (404, {"errorCode": 4040010, "errorMessage": "Transaction id not found."})
RATE_LIMIT = (429, {"errorCode": 4290000, "errorMessage": "Rate limit exceeded."})
INTERNAL = (500, {"errorCode": 5000000, "errorMessage": "An unknown error occurred."})
CONSUMABLE = "Consumable"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Chain:
    """A root, an intermediate and a leaf certificate. `name` gives other keys."""

    name: str = "Apple"
    leaf_oid: str = LEAF_OID
    intermediate_oid: str = INTERMEDIATE_OID
    leaf_days: tuple[int, int] = (-365, 365)
    """Validity of the leaf, in days from now."""
    intermediate_is_ca: bool = True

    @cached_property
    def _root(self) -> x509.Certificate:
        return self._certificate("root", "root", None, is_ca=True, days=(-4000, 4000))

    @cached_property
    def _intermediate(self) -> x509.Certificate:
        return self._certificate(
            "intermediate", "root", self.intermediate_oid, is_ca=self.intermediate_is_ca, days=(-2000, 2000)
        )

    @cached_property
    def leaf(self) -> x509.Certificate:
        return self._certificate("leaf", "intermediate", self.leaf_oid, is_ca=False, days=self.leaf_days)

    def _key(self, of: str) -> ec.EllipticCurvePrivateKey:
        return ec_key(f"{self.name} {of}")

    def _certificate(
        self, of: str, issuer: str, oid: str | None, *, is_ca: bool, days: tuple[int, int]
    ) -> x509.Certificate:
        def named(of: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{self.name} {of}")])

        key, now = self._key(of).public_key(), dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder(named(issuer), named(of), key, x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(_usage(is_ca=is_ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key(issuer).public_key()), critical=False
            )
        )
        if oid:
            marker = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00")
            builder = builder.add_extension(marker, critical=False)
        return builder.sign(self._key(issuer), SHA256())

    def root(self, encoding: Encoding = Encoding.DER) -> bytes:
        return self._root.public_bytes(encoding)

    def jws(self, payload: dict[str, Any], **header: Any) -> str:
        x5c = [
            base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
            for certificate in (self.leaf, self._intermediate, self._root)
        ]
        return jwt.encode(payload, self._key("leaf"), algorithm="ES256", headers={"typ": None, "x5c": x5c, **header})


def _usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_ca,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def milliseconds(at: dt.datetime | None = None) -> int:
    return int((at or dt.datetime.now(dt.UTC)).timestamp() * 1000)


@dataclass
class LocalApple:
    chain: Chain = field(default_factory=Chain)
    environment: str = "Production"
    url: str = ""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec_key("In-App Purchase"))
    """The key that App Store Connect gave to us."""
    transactions: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    """Status and body of the next answers: bytes, or JSON. Then transactions are served again."""
    moved_to: str = ""
    cuts: bool = False
    """Close the connection without an answer."""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: calls wait until it is set again."""
    asked: list[str] = field(default_factory=list)
    """Transaction ids of the calls that came."""
    consumption: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def sell(self, transaction_id: str = "700001234567890", **changes: Any) -> str:
        """A paid transaction, with these fields changed; None leaves a field out."""
        now = milliseconds()
        payload = {
            "transactionId": transaction_id,
            "originalTransactionId": transaction_id,
            "bundleId": BUNDLE,
            "productId": PRODUCT,
            "purchaseDate": now,
            "originalPurchaseDate": now,
            "quantity": 1,
            "type": CONSUMABLE,
            "inAppOwnershipType": "PURCHASED",
            "environment": self.environment,
            "transactionReason": "PURCHASE",
            "storefront": "DEU",
            "storefrontId": "143443",
            "price": 990,
            "currency": "EUR",
            **changes,
        }
        self.transactions[transaction_id] = {name: value for name, value in payload.items() if value is not None}
        return transaction_id

    def refund(self, transaction_id: str, **changes: Any) -> None:
        self.transactions[transaction_id] |= {"revocationDate": milliseconds(), "revocationReason": 0, **changes}

    def signed(self, transaction_id: str, chain: Chain | None = None, **changes: Any) -> str:
        """The JWS of a transaction, as StoreKit gives it to the app, the API to us, and notifications have it."""
        payload = {**self.transactions[transaction_id], "signedDate": milliseconds(), **changes}
        return (chain or self.chain).jws({name: value for name, value in payload.items() if value is not None})

    def notification(self, kind: str, transaction_id: str = "", chain: Chain | None = None, **data: Any) -> bytes:
        """The body of a notification, with these fields of `data` changed; None leaves a field out."""
        inner = {
            "appAppleId": APP_ID,
            "bundleId": BUNDLE,
            "bundleVersion": "1",
            "environment": self.environment,
            "signedTransactionInfo": self.signed(transaction_id) if transaction_id else None,
            **data,
        }
        payload = {
            "notificationType": kind,
            "notificationUUID": str(uuid.uuid4()),
            "version": "2.0",
            "signedDate": milliseconds(),
            "data": {name: value for name, value in inner.items() if value is not None},
        }
        return json.dumps({"signedPayload": (chain or self.chain).jws(payload)}).encode()

    def settings(self, folder: Path, **changes: Any) -> Apple:
        """Settings that use this store; writes the key and the root certificate into the folder."""
        key_file, root = folder / "SubscriptionKey.p8", folder / "AppleRootCA-G3.cer"
        key_file.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        root.write_bytes(self.chain.root())
        settings = Apple(
            bundle_id=BUNDLE,
            app_id=APP_ID,
            issuer_id=ISSUER,
            key_id=KEY_ID,
            private_key_file=str(key_file),
            root_certificates=(str(root),),
            environment=self.environment.lower(),
            url=self.url,
        )
        return replace(settings, **changes)

    def _is_ours(self, request: web.Request) -> bool:
        """https://developer.apple.com/documentation/appstoreserverapi/generating-json-web-tokens-for-api-requests"""
        scheme, _, token = request.headers["Authorization"].partition(" ")
        try:
            claims = jwt.decode(
                token, self.key.public_key(), algorithms=["ES256"], audience="appstoreconnect-v1", issuer=ISSUER
            )
        except jwt.PyJWTError:
            return False
        kept_s = claims["exp"] - time.time()
        header = jwt.get_unverified_header(token)
        return scheme == "Bearer" and header["kid"] == KEY_ID and claims["bid"] == BUNDLE and 0 < kept_s <= 3600

    async def _failure(self, request: web.Request) -> web.Response | None:
        self.asked.append(request.match_info["id"])
        await self.may_answer.wait()
        if self.cuts and request.transport is not None:
            request.transport.close()
        if self.moved_to:
            return web.Response(status=307, headers={"Location": self.moved_to + request.path})
        if not self._is_ours(request):
            return web.Response(status=401, text="Unauthenticated\n\nRequest ID: ABC.0.0\n")
        if self.answers:
            return _answer(*self.answers.pop(0))
        if request.match_info["id"] not in self.transactions:
            return _answer(*UNKNOWN)
        return None

    async def transaction(self, request: web.Request) -> web.Response:
        if failure := await self._failure(request):
            return failure
        return web.json_response({"signedTransactionInfo": self.signed(request.match_info["id"])})

    async def take_consumption(self, request: web.Request) -> web.Response:
        if failure := await self._failure(request):
            return failure
        body = await request.json()
        if body["customerConsented"] is not True:
            return _answer(400, {"errorCode": 4000035, "errorMessage": "Invalid request. Customer consented."})
        if body["deliveryStatus"] != "DELIVERED" and body.get("consumptionPercentage"):
            return _answer(400, {"errorCode": 4000193, "errorMessage": "Invalid request. Consumption percentage."})
        assert 0 <= body["consumptionPercentage"] <= 100_000
        assert isinstance(body["sampleContentProvided"], bool)
        self.consumption.append((request.match_info["id"], body))
        return web.Response(status=202)


@asynccontextmanager
async def local_apple(environment: str = "Production") -> AsyncIterator[LocalApple]:
    apple = LocalApple(environment=environment)
    apple.may_answer.set()
    app = web.Application()
    app.router.add_get("/inApps/v1/transactions/{id}", apple.transaction)
    app.router.add_put("/inApps/v2/transactions/consumption/{id}", apple.take_consumption)
    async with TestServer(app) as server:
        apple.url = str(server.make_url("")).rstrip("/")
        yield apple


def _answer(status: int, body: Any) -> web.Response:
    if isinstance(body, bytes):
        return web.Response(status=status, body=body, content_type="application/json")
    return web.json_response(body, status=status)
