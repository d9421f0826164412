"""Sign-in with a provider: verifies its ID token (OpenID Connect) against its published keys.

A token proves who signs in if its signature, issuer, audience and times are right. The audience must be one of our
client ids: a token that a user gave to another app must not open an account here.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from control_plane.accounts.claims import Claims, Proof
from control_plane.accounts.providers.key_set import KeySet
from control_plane.accounts.user import Identity
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.providers import Providers
from control_plane.db.text import is_storable
from control_plane.delivery.contacts import InvalidContact, email_contact, phone_contact

log = logging.getLogger(__name__)

ALGORITHMS = ["RS256", "ES256"]
"""Signatures with a private key only. With HS256 anyone could sign, using the published key as the secret."""
ID_TOKEN_CLAIMS = ["iss", "aud", "sub", "exp", "iat"]
LEEWAY_S = 60
"""Allowed difference between the provider's clock and ours. Larger: expired tokens work for longer. Smaller: a wrong
clock refuses valid tokens."""
GOOGLE_DOMAINS = ("@gmail.com", "@googlemail.com")
"""Addresses that Google hosts for everyone; a token with the claim `hd` has one that it hosts for an organisation."""
LONGEST_TOKEN = 8192
"""Characters. The providers' tokens have 700 to 1500; longer text is refused before it is decoded."""


class InvalidIdToken(ControlPlaneError):
    """The token is from a provider that this server is set up for, but is not valid here."""

    code = "invalid_id_token"
    kind = ErrorKind.FORBIDDEN

    def __init__(self, provider: str) -> None:
        super().__init__(f"The sign-in with {provider} is not valid here or has expired. Please sign in again.")


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    """As in `social` of registerUser, and in `user_identity`."""
    title: str
    audiences: Mapping[str, Sequence[str]]
    """The accepted audiences of each issuer."""
    keys: KeySet
    proves_email: bool = True
    """Whether `email_verified` is the provider's own statement. Facebook does not state it."""


def providers_of(settings: Providers) -> list[Provider]:
    """The providers that have client ids."""
    google, apple, facebook, firebase = settings.google, settings.apple, settings.facebook, settings.firebase
    configured = [
        # Google's documentation names the issuer with and without the scheme.
        Provider(
            "google",
            "Google",
            dict.fromkeys(
                (google.issuer, google.issuer.removeprefix("https://")),
                _audiences(google.client_ids, google.web_client_id),
            ),
            KeySet(google.jwks_url),
        ),
        Provider(
            "apple",
            "Apple",
            {apple.issuer: _audiences(apple.client_ids, apple.web_client_id)},
            KeySet(apple.jwks_url),
        ),
        Provider(
            "facebook",
            "Facebook",
            {facebook.issuer: facebook.client_ids},
            KeySet(facebook.jwks_url),
            proves_email=False,
        ),
        # Each project is an issuer of its own.
        Provider(
            "firebase",
            "Firebase",
            {f"{firebase.issuer}/{project}": (project,) for project in firebase.client_ids},
            KeySet(firebase.jwks_url),
        ),
    ]
    return [provider for provider in configured if any(provider.audiences.values())]


def _audiences(apps: Sequence[str], pages: str) -> Sequence[str]:
    return (*apps, pages) if pages else apps


class IdTokens:
    """The prover of all configured providers: `auth_token` holds the ID token."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._by_issuer = {issuer: provider for provider in providers for issuer in provider.audiences}

    async def prove(self, claims: Claims) -> Sequence[Proof]:
        """Raises InvalidIdToken, KeysUnavailable."""
        token = claims.auth_token
        provider = self._by_issuer.get(_issuer(token))
        if provider is None:
            return ()
        content = await self._verified(provider, token, ID_TOKEN_CLAIMS)
        if not _fits(content, provider, claims):
            raise InvalidIdToken(provider.title)
        return (_proof(content, provider),)

    async def verified(self, token: str, name: str) -> Mapping[str, Any]:
        """The content of another token that this provider signs, such as a notification. Raises InvalidIdToken,
        KeysUnavailable."""
        provider = self._by_issuer.get(_issuer(token))
        if provider is None or provider.name != name:
            raise InvalidIdToken(name.title())
        return await self._verified(provider, token, ["iss", "aud", "iat"])

    async def _verified(self, provider: Provider, token: str, required: list[str]) -> Mapping[str, Any]:
        try:
            key = await provider.keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                raise jwt.InvalidKeyError("unknown kid")
            issuer = _issuer(token)
            content: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=provider.audiences[issuer],
                issuer=issuer,
                leeway=LEEWAY_S,
                options={"require": required},
            )
            if not is_storable(content):
                raise jwt.InvalidTokenError("a text that cannot be stored")
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            log.info("id_token_refused", extra={"provider": provider.name, "why": type(error).__name__})
            raise InvalidIdToken(provider.title) from None
        return content


def _issuer(token: str) -> str:
    """The issuer that the token names; it is not verified yet. "": not a JWT."""
    if len(token) > LONGEST_TOKEN or token.count(".") != 2:
        return ""
    try:
        content = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        return ""
    issuer = content.get("iss", "")
    return issuer if isinstance(issuer, str) else ""


def _fits(content: Mapping[str, Any], provider: Provider, claims: Claims) -> bool:
    """Whether the other claims belong to this token."""
    subject = content["sub"]
    if not isinstance(subject, str) or not subject:
        return False
    if claims.social_id and claims.social.lower() == provider.name and claims.social_id != subject:
        return False
    return not claims.nonce or _is_nonce(content.get("nonce"), claims.nonce)


def _is_nonce(signed: Any, nonce: str) -> bool:
    """Apple's and Facebook's libraries are given the nonce's SHA-256, Google's the nonce itself."""
    hashed = hashlib.sha256(nonce.encode()).hexdigest()
    text = str(signed).encode()
    plain_fits = hmac.compare_digest(text, nonce.encode())
    return hmac.compare_digest(text, hashed.encode()) or plain_fits


def _proof(content: Mapping[str, Any], provider: Provider) -> Proof:
    email = _email(content.get("email"))
    return Proof(
        identity=Identity(provider.name, content["sub"]),
        email=email if _is_verified(email, content, provider) else "",
        phone=_phone(content.get("phone_number")) if provider.name == "firebase" else "",
    )


def _is_verified(email: str, content: Mapping[str, Any], provider: Provider) -> bool:
    """Whether the provider knows that the address is the user's now. Google verified an address of another mail service
    once, and does not learn when it gets another owner."""
    verified = content.get("email_verified")
    if not provider.proves_email or not (verified is True or verified == "true"):  # Apple sends text or a boolean
        return False
    return not _is_by_google(content, provider) or bool(content.get("hd")) or email.endswith(GOOGLE_DOMAINS)


def _is_by_google(content: Mapping[str, Any], provider: Provider) -> bool:
    """Firebase passes on what Google says, without `hd`."""
    firebase = content.get("firebase")
    through = firebase.get("sign_in_provider") if isinstance(firebase, dict) else None
    return provider.name == "google" or (provider.name == "firebase" and through == "google.com")


def _email(text: Any) -> str:
    """In the normal form in which addresses are compared. "": none. An address outside ASCII is not used: in lower case
    it can be that of another mailbox."""
    if not isinstance(text, str) or not text.isascii():
        return ""
    try:
        return email_contact(text).address
    except InvalidContact:
        return ""


def _phone(text: Any) -> str:
    """In the normal form in which numbers are compared. "": none."""
    if not isinstance(text, str):
        return ""
    try:
        return phone_contact(text).address
    except InvalidContact:
        return ""
