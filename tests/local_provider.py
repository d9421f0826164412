"""A sign-in provider on this machine: it publishes a key set over HTTP, signs ID tokens, valid and invalid ones, and has
the pages and endpoints of the authorization code flow."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlencode

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CLIENT = "app.example.com"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """A key for each name; making one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_text(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _published(key_id: str, key: PrivateKey) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    document: dict[str, Any] = json.loads(algorithm.to_jwk(key.public_key()))
    return {**document, "kid": key_id, "use": "sig", "alg": _algorithm(key)}


def _algorithm(key: PrivateKey) -> str:
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"


@dataclass(frozen=True)
class Grant:
    """What the user allowed on the provider's page."""

    client_id: str
    redirect_uri: str
    nonce: str
    challenge: str


@dataclass
class LocalProvider:
    keys: dict[str, PrivateKey] = field(default_factory=lambda: {"one": rsa_key("one")})
    status: int = 200
    moved_to: str = ""
    """Where all endpoints but the sign-in page redirect to. Empty: they answer."""
    body: bytes | None = None
    """What is answered in place of the key set."""
    fetches: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared: the key set is answered when this is set again."""
    url: str = ""
    user: dict[str, Any] = field(default_factory=dict)
    """Claims of the user who is at the provider's page, beside those of `token`."""
    consents: bool = True
    grants: dict[str, Grant] = field(default_factory=dict)
    """By authorization code; each is exchanged once."""
    requests: list[dict[str, str]] = field(default_factory=list)
    """Forms that came to the token and revocation endpoints."""
    revoked: list[str] = field(default_factory=list)
    refresh_token: str = "refresh"
    """What each refresh token begins with."""

    @property
    def issuer(self) -> str:
        return self.url

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/keys"

    @web.middleware
    async def redirect(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.moved_to and request.path != "/authorize":
            return web.Response(status=307, headers={"Location": self.moved_to + request.path})
        return await handler(request)

    async def publish(self, request: web.Request) -> web.Response:
        self.fetches += 1
        await self.may_answer.wait()
        key_set = {"keys": [_published(key_id, key) for key_id, key in self.keys.items()]}
        body = json.dumps(key_set).encode() if self.body is None else self.body
        return web.Response(status=self.status, body=body, content_type="application/json")

    async def authorize(self, request: web.Request) -> web.Response:
        """The provider's page, with a user who agrees or cancels at once."""
        query = request.query
        assert query["code_challenge_method"] == "S256"
        answer = {"state": query["state"]}
        if self.consents:
            code = f"code-{len(self.grants)}"
            self.grants[code] = Grant(
                query["client_id"], query["redirect_uri"], query["nonce"], query["code_challenge"]
            )
            answer["code"] = code
        else:
            answer["error"] = "access_denied"
        if query.get("response_mode") != "form_post":
            return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}?{urlencode(answer)}"})
        answer["user"] = json.dumps({"name": {"firstName": "Ann", "lastName": "Apple"}})
        inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(text)}">' for name, text in answer.items())
        form = f'<form method="post" action="{query["redirect_uri"]}">{inputs}</form>'
        page = f"<!doctype html><title>Provider</title>{form}<script>document.forms[0].submit()</script>"
        return web.Response(text=page, content_type="text/html")

    async def exchange(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append(form)
        grant = self.grants.get(form.get("code", ""))
        if self.status != 200:
            return web.json_response({"error": "unavailable"}, status=self.status)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if grant is None or not self._is_right(form, grant, base64.urlsafe_b64encode(verifier).decode().rstrip("=")):
            return web.json_response({"error": "invalid_grant"}, status=400)
        del self.grants[form["code"]]
        claims = {"aud": grant.client_id, "nonce": grant.nonce or None, **self.user}
        return web.json_response(
            {"id_token": self.token(**claims), "refresh_token": f"{self.refresh_token}-{form['code']}"}
        )

    def _is_right(self, form: dict[str, str], grant: Grant, challenge: str) -> bool:
        is_for_pages = bool(grant.redirect_uri)
        return (
            form["client_id"] == grant.client_id
            and form.get("redirect_uri", "") == grant.redirect_uri
            and (not is_for_pages or challenge == grant.challenge)
        )

    async def revoke(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append(form)
        if self.status == 200:
            self.revoked.append(form["token"])
        return web.Response(status=self.status)

    def token(
        self, key_id: str = "one", *, key: Any = None, algorithm: str = "", headers: Any = None, **changes: Any
    ) -> str:
        """A valid ID token of user `1001`, with these claims changed; None leaves a claim out."""
        now = dt.datetime.now(dt.UTC)
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1001",
            "iat": now,
            "exp": now + dt.timedelta(hours=1),
            "email": "Ann@Example.com",
            "email_verified": True,
            "hd": "example.com",
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.keys[key_id] if key is None else key
        algorithm = algorithm or _algorithm(key)
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id, **(headers or {})})


@asynccontextmanager
async def local_provider() -> AsyncIterator[LocalProvider]:
    provider = LocalProvider()
    provider.may_answer.set()
    app = web.Application(middlewares=[provider.redirect])
    app.router.add_get("/keys", provider.publish)
    app.router.add_get("/authorize", provider.authorize)
    app.router.add_post("/token", provider.exchange)
    app.router.add_post("/revoke", provider.revoke)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider
