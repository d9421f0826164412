"""Push services on this machine, as they are on the wire: Google's token endpoint, FCM's HTTP v1 API, and the push service
of a browser, with the ways in which they fail."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import http_ece
import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.local_provider import public_text, rsa_key

PROJECT = "show-4711"
ACCOUNT = f"push@{PROJECT}.iam.gserviceaccount.com"
GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


def credentials() -> str:
    """The JSON key of the service account."""
    key = rsa_key("fcm").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "k1",
            "private_key": key.decode(),
            "client_email": ACCOUNT,
            "token_uri": GOOGLE_TOKEN_URL,
        }
    )


@dataclass(frozen=True)
class Failure:
    """An answer other than success."""

    status: int
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def fcm_failure(status: int, code: str, error_code: str = "", message: str = "", **headers: str) -> Failure:
    """As https://firebase.google.com/docs/cloud-messaging/error-codes shows them."""
    details = [{"@type": FCM_ERROR, "errorCode": error_code}] if error_code else []
    error = {"code": status, "message": message or code, "status": code, "details": details}
    return Failure(status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()})


UNREGISTERED = fcm_failure(404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found.")
INVALID_TOKEN = fcm_failure(
    400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"
)
INVALID_MESSAGE = Failure(
    400,
    {
        "error": {
            "code": 400,
            "message": "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
            "status": "INVALID_ARGUMENT",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.BadRequest",
                    "fieldViolations": [{"field": "message.data[0].value", "description": "Invalid value"}],
                }
            ],
        }
    },
)
TOO_BIG = fcm_failure(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "Android message is too big")
SENDER_ID_MISMATCH = fcm_failure(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
THIRD_PARTY_AUTH = fcm_failure(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", "Auth error from APNS or Web Push")
QUOTA = fcm_failure(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Message rate exceeded")
UNAVAILABLE = fcm_failure(503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable.")
UNAVAILABLE_FOR_90 = fcm_failure(503, "UNAVAILABLE", "UNAVAILABLE", "Unavailable", Retry_After="90")
INTERNAL = fcm_failure(500, "INTERNAL", "INTERNAL", "Internal error encountered.")
UNAUTHENTICATED = fcm_failure(401, "UNAUTHENTICATED", "", "Request had invalid authentication credentials.")
PERMISSION_DENIED = fcm_failure(403, "PERMISSION_DENIED", "", "Cloud Messaging API has not been used in this project.")
NOT_FCM = Failure(404, "<html>Not Found</html>")
BAD_GATEWAY = Failure(502, "<html>Bad Gateway</html>", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})


@dataclass
class LocalBrowser:
    """A browser's subscription, with the keys that only the browser knows."""

    endpoint: str
    key: ec.EllipticCurvePrivateKey
    secret: bytes

    @property
    def public_key(self) -> str:
        return _text(self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))

    @property
    def auth(self) -> str:
        return _text(self.secret)


@dataclass
class LocalPush:
    url: str = ""
    exchanges: int = 0
    token_failures: list[Failure] = field(default_factory=list)
    """Answers of the token endpoint, one each, before it succeeds again."""
    failures: dict[str, list[Failure]] = field(default_factory=dict)
    """Answers by device token or by the path of a browser; the last one stays."""
    every_failure: Failure | None = None
    """Of both services, for every message."""
    revoked: set[str] = field(default_factory=set)
    """Access tokens that are not accepted any more."""
    hang: asyncio.Event | None = None
    """Set in a test: messages are answered when the event is set."""
    cuts: bool = False
    """Connections are cut instead of answered."""
    requests: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    """Messages that FCM accepted."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    """What browsers decrypted, with the headers `ttl`, `topic`, `urgency` and the claims."""
    browsers: dict[str, LocalBrowser] = field(default_factory=dict)
    vapid_key: str = ""
    """The key that the browsers subscribed with; the first message decides."""

    def browser(self, name: str) -> LocalBrowser:
        made = LocalBrowser(f"{self.url}/push/{name}", ec.generate_private_key(ec.SECP256R1()), name.encode().ljust(16))
        self.browsers[name] = made
        return made

    async def token(self, request: web.Request) -> web.Response:
        """RFC 7523, section 2.1: the assertion must be signed by the service account."""
        form = await request.post()
        self.exchanges += 1
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        if self.token_failures:
            return _answer(self.token_failures.pop(0))
        try:
            claims = jwt.decode(
                str(form["assertion"]), public_text(rsa_key("fcm")), algorithms=["RS256"], audience=GOOGLE_TOKEN_URL
            )
        except jwt.PyJWTError:
            return web.json_response(
                {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status=400
            )
        assert (claims["iss"], claims["scope"]) == (ACCOUNT, SCOPE)
        return web.json_response(
            {"access_token": f"access-{self.exchanges}", "expires_in": 3599, "token_type": "Bearer"}
        )

    async def send(self, request: web.Request) -> web.Response:
        assert request.match_info["project"] == PROJECT
        body = await request.read()
        self.requests += 1
        if self.hang is not None:
            await self.hang.wait()
        if self.cuts and request.transport is not None:
            request.transport.close()
        access = request.headers["Authorization"].removeprefix("Bearer ")
        if not access.startswith("access-") or access in self.revoked:
            return _answer(UNAUTHENTICATED)
        if len(body) > 4096:
            return _answer(TOO_BIG)
        message = json.loads(body)["message"]
        if not all(isinstance(value, str) for value in message["data"].values()):
            return _answer(INVALID_MESSAGE)
        if failure := self._failure(message["token"]):
            return _answer(failure)
        self.messages.append(message)
        return web.json_response({"name": f"projects/{PROJECT}/messages/{len(self.messages)}"})

    async def push(self, request: web.Request) -> web.Response:
        """RFC 8030: authorised by RFC 8292, encrypted by RFC 8291."""
        name = request.match_info["name"]
        body = await request.read()
        self.requests += 1
        if self.hang is not None:
            await self.hang.wait()
        scheme, _, fields = request.headers["Authorization"].partition(" ")
        parts = dict(part.strip().split("=", 1) for part in fields.split(","))
        self.vapid_key = self.vapid_key or parts["k"]
        if scheme != "vapid" or parts["k"] != self.vapid_key:
            return web.Response(status=403)
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(parts["k"]))
        claims = jwt.decode(parts["t"], public, algorithms=["ES256"], audience=self.url)
        if len(body) > 4096:
            return web.Response(status=413)
        if failure := self._failure(name):
            return _answer(failure)
        assert request.headers["Content-Encoding"] == "aes128gcm"
        browser = self.browsers[name]
        content = http_ece.decrypt(body, private_key=browser.key, auth_secret=browser.secret, version="aes128gcm")
        assert len(request.headers["Topic"]) <= 32
        self.shown.append(
            {**json.loads(content), "browser": name, "ttl": int(request.headers["TTL"]), "sub": claims["sub"]}
        )
        return web.Response(status=201)

    def _failure(self, name: str) -> Failure | None:
        if self.every_failure is not None:
            return self.every_failure
        waiting = self.failures.get(name, [])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0] if waiting else None


@asynccontextmanager
async def local_push() -> AsyncIterator[LocalPush]:
    service = LocalPush()
    app = web.Application()
    app.router.add_post("/token", service.token)
    app.router.add_post("/v1/projects/{project}/messages:send", service.send)
    app.router.add_post("/push/{name}", service.push)
    async with TestServer(app) as server:
        service.url = str(server.make_url("")).rstrip("/")
        yield service


def _answer(failure: Failure) -> web.Response:
    if isinstance(failure.body, str):
        return web.Response(status=failure.status, text=failure.body, headers=failure.headers)
    return web.json_response(failure.body, status=failure.status, headers=failure.headers)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
