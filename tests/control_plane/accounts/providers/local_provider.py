"""A sign-in provider on this machine: it publishes a key set over HTTP and signs ID tokens, valid and invalid ones."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from aiohttp.test_utils import TestServer
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


@dataclass
class LocalProvider:
    keys: dict[str, PrivateKey] = field(default_factory=lambda: {"one": rsa_key("one")})
    status: int = 200
    body: bytes | None = None
    """What is answered in place of the key set."""
    fetches: int = 0
    url: str = ""

    @property
    def issuer(self) -> str:
        return self.url

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/keys"

    async def publish(self, request: web.Request) -> web.Response:
        self.fetches += 1
        key_set = {"keys": [_published(key_id, key) for key_id, key in self.keys.items()]}
        body = json.dumps(key_set).encode() if self.body is None else self.body
        return web.Response(status=self.status, body=body, content_type="application/json")

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
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.keys[key_id] if key is None else key
        algorithm = algorithm or _algorithm(key)
        return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": key_id, **(headers or {})})


@asynccontextmanager
async def local_provider() -> AsyncIterator[LocalProvider]:
    provider = LocalProvider()
    app = web.Application()
    app.router.add_get("/keys", provider.publish)
    async with TestServer(app) as server:
        provider.url = str(server.make_url("")).rstrip("/")
        yield provider
