"""ID tokens of sign-in providers: which ones prove an identity, against a provider that runs here."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from control_plane.accounts.claims import Claims, Proof
from control_plane.accounts.providers.id_tokens import LONGEST_TOKEN, IdTokens, InvalidIdToken, providers_of
from control_plane.accounts.providers.key_set import KeysUnavailable
from control_plane.accounts.user import Identity
from control_plane.config.providers import Apple, Facebook, Firebase, Google, Providers
from tests.local_provider import (
    CLIENT,
    LocalProvider,
    ec_key,
    local_provider,
    public_text,
    rsa_key,
)

ANN = Proof(identity=Identity("google", "1001"), email="ann@example.com")
HOUR = dt.timedelta(hours=1)


@pytest.fixture
async def provider() -> AsyncIterator[LocalProvider]:
    async with local_provider() as provider:
        yield provider


@pytest.fixture
def id_tokens(provider: LocalProvider) -> IdTokens:
    google = Google(client_ids=("other.example.com", CLIENT), issuer=provider.issuer, jwks_url=provider.jwks_url)
    return IdTokens(providers_of(Providers(google=google)))


async def proof_of(id_tokens: IdTokens, token: str, **claims: Any) -> Proof:
    (proof,) = await id_tokens.prove(Claims(auth_token=token, **claims))
    return proof


async def test_a_valid_token_proves_the_user_and_the_verified_address(
    provider: LocalProvider, id_tokens: IdTokens
) -> None:
    assert await proof_of(id_tokens, provider.token()) == ANN
    assert await proof_of(id_tokens, provider.token(aud=["stranger", CLIENT])) == ANN
    assert await proof_of(id_tokens, provider.token(), social="google", social_id="1001") == ANN


@pytest.mark.parametrize("verified", [False, "false", None, 1, "yes"])
async def test_an_address_that_the_provider_has_not_verified_is_not_proven(
    provider: LocalProvider, id_tokens: IdTokens, verified: object
) -> None:
    assert (await proof_of(id_tokens, provider.token(email_verified=verified))).email == ""


@pytest.mark.parametrize(
    ("email", "hosted_for", "is_proven"),
    [
        ("Ann@Gmail.com", None, True),
        ("ann@googlemail.com", None, True),
        ("ann@example.com", "example.com", True),
        ("ann@example.com", None, False),
        ("ann@example.com", "", False),
        ("ann@notgmail.com", None, False),
        ("ann@gmail.com.example.com", None, False),
    ],
)
async def test_google_proves_addresses_that_it_hosts(
    provider: LocalProvider, id_tokens: IdTokens, email: str, hosted_for: str | None, is_proven: bool
) -> None:
    proof = await proof_of(id_tokens, provider.token(email=email, hd=hosted_for))
    assert proof.email == (email.lower() if is_proven else "")


@pytest.mark.parametrize(
    ("email", "through", "is_proven"),
    [
        ("ann@example.com", "google.com", False),
        ("ann@gmail.com", "google.com", True),
        ("ann@example.com", "password", True),
        ("ann@example.com", "apple.com", True),
    ],
)
async def test_firebase_proves_no_more_than_google_does(
    provider: LocalProvider, email: str, through: str, is_proven: bool
) -> None:
    issuer = f"{provider.url}/firebase"
    settings = Providers(firebase=Firebase(client_ids=("p-1",), issuer=issuer, jwks_url=provider.jwks_url))
    token = provider.token(iss=f"{issuer}/p-1", aud="p-1", email=email, hd=None, firebase={"sign_in_provider": through})
    proof = await proof_of(IdTokens(providers_of(settings)), token)
    assert proof.email == (email if is_proven else "")


async def test_clocks_may_differ_by_a_minute(provider: LocalProvider, id_tokens: IdTokens) -> None:
    now = dt.datetime.now(dt.UTC)
    soon = dt.timedelta(seconds=30)
    assert await proof_of(id_tokens, provider.token(iat=now + soon, nbf=now + soon)) == ANN
    assert await proof_of(id_tokens, provider.token(exp=now - soon)) == ANN


def _hs256_with_the_public_key(provider: LocalProvider) -> str:
    """By hand: libraries refuse to sign with a public key."""
    head, content, _ = provider.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one", "typ": "JWT"}).encode()).decode()
    signed = f"{head.rstrip('=')}.{content}"
    digest = hmac.digest(public_text(rsa_key("one")), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _with_another_content(provider: LocalProvider) -> str:
    head, _, signature = provider.token().split(".")
    return f"{head}.{provider.token(sub='1002').split('.')[1]}.{signature}"


INVALID: dict[str, Callable[[LocalProvider], str]] = {
    "expired": lambda provider: provider.token(exp=dt.datetime.now(dt.UTC) - HOUR),
    "not valid yet": lambda provider: provider.token(nbf=dt.datetime.now(dt.UTC) + HOUR),
    "issued in the future": lambda provider: provider.token(iat=dt.datetime.now(dt.UTC) + HOUR),
    "for another app": lambda provider: provider.token(aud="stranger.example.com"),
    "for other apps": lambda provider: provider.token(aud=["stranger.example.com", "another.example.com"]),
    "audience like ours": lambda provider: provider.token(aud=f"{CLIENT}.example.com"),
    "without audience": lambda provider: provider.token(aud=None),
    "without expiry": lambda provider: provider.token(exp=None),
    "without time of issue": lambda provider: provider.token(iat=None),
    "without user": lambda provider: provider.token(sub=None),
    "empty user": lambda provider: provider.token(sub=""),
    "not signed": lambda provider: provider.token(key="", algorithm="none"),
    "signed with the public key as a secret": _hs256_with_the_public_key,
    "signed by another key": lambda provider: provider.token(key=rsa_key("stranger")),
    "another kind of key": lambda provider: provider.token(key=ec_key("stranger")),
    "unknown key id": lambda provider: provider.token(headers={"kid": "two"}),
    "key in its own head": lambda provider: provider.token(
        key=rsa_key("stranger"), headers={"jwk": {"kty": "RSA"}, "jku": f"{provider.url}/keys"}
    ),
    "user with a NUL": lambda provider: provider.token(sub="10\x0001"),
    "user with half a surrogate pair": lambda provider: provider.token(sub="10\ud80001"),
    "another text with a NUL": lambda provider: provider.token(address={"lines": ["a", "b\0"]}),
    "a name of a claim with half a surrogate pair": lambda provider: provider.token(address={"\udfff": 1}),
    "endless": lambda provider: provider.token(exp=float("inf")),
    "content exchanged": _with_another_content,
    "signature cut off": lambda provider: provider.token().rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("name", INVALID)
async def test_an_invalid_token_is_refused(provider: LocalProvider, id_tokens: IdTokens, name: str) -> None:
    with pytest.raises(InvalidIdToken):
        await proof_of(id_tokens, INVALID[name](provider))


@pytest.mark.parametrize(
    "make",
    [
        lambda provider: provider.token(iss="https://accounts.example.com"),
        lambda provider: provider.token(iss=f"{provider.issuer}/"),
        lambda provider: provider.token(iss=None),
        lambda provider: provider.token(padding="x" * LONGEST_TOKEN),
        lambda provider: "a.b.c",
        lambda provider: "..",
        lambda provider: "",
        lambda provider: "uid-of-ann",
        lambda provider: "\u00e9.\u00e9.\u00e9",
    ],
)
async def test_what_no_configured_provider_issued_proves_nothing(
    provider: LocalProvider, id_tokens: IdTokens, make: Callable[[LocalProvider], str]
) -> None:
    assert await id_tokens.prove(Claims(auth_token=make(provider))) == ()
    assert provider.fetches == 0


async def test_another_claimed_user_of_the_provider_is_refused(provider: LocalProvider, id_tokens: IdTokens) -> None:
    with pytest.raises(InvalidIdToken):
        await proof_of(id_tokens, provider.token(), social="Google", social_id="1002")
    assert await proof_of(id_tokens, provider.token(), social="facebook", social_id="1002") == ANN


async def test_a_nonce_must_be_the_one_that_was_signed(provider: LocalProvider, id_tokens: IdTokens) -> None:
    hashed = hashlib.sha256(b"n-1").hexdigest()
    for signed in ("n-1", hashed):
        assert await proof_of(id_tokens, provider.token(nonce=signed), nonce="n-1") == ANN
    for wrong in ("n-2", hashlib.sha256(b"n-2").hexdigest(), None, "", "\ud800"):
        with pytest.raises(InvalidIdToken):
            await proof_of(id_tokens, provider.token(nonce=wrong), nonce="n-1")


async def test_a_new_key_is_found_and_a_withdrawn_one_is_not_used(provider: LocalProvider) -> None:
    google = Google(client_ids=(CLIENT,), issuer=provider.issuer, jwks_url=provider.jwks_url)
    provider.keys["two"] = ec_key("two")
    old, new = provider.token("one"), provider.token("two")
    del provider.keys["one"]
    id_tokens = IdTokens(providers_of(Providers(google=google)))
    assert await proof_of(id_tokens, new) == ANN
    with pytest.raises(InvalidIdToken):
        await proof_of(id_tokens, old)


async def test_without_keys_the_caller_is_told_to_try_again(provider: LocalProvider, id_tokens: IdTokens) -> None:
    provider.status = 503
    with pytest.raises(KeysUnavailable):
        await proof_of(id_tokens, provider.token())


@pytest.mark.parametrize(
    "email",
    [
        "\u212aate@example.com",
        "ann\u0131@example.com",
        "ann@example.com\nBcc: x@example.com",
        "",
        "ann",
    ],
)
async def test_an_address_that_could_be_taken_for_another_one_is_not_proven(
    provider: LocalProvider, id_tokens: IdTokens, email: str
) -> None:
    """The Kelvin sign becomes `k` in lower case: one mailbox must not open the account of another."""
    assert (await proof_of(id_tokens, provider.token(email=email))).email == ""


async def test_each_provider_has_its_own_rules(provider: LocalProvider) -> None:
    settings = Providers(
        apple=Apple(client_ids=(CLIENT,), issuer=f"{provider.url}/apple", jwks_url=provider.jwks_url),
        facebook=Facebook(client_ids=(CLIENT,), issuer=f"{provider.url}/facebook", jwks_url=provider.jwks_url),
        firebase=Firebase(client_ids=("p-1", "p-2"), issuer=f"{provider.url}/firebase", jwks_url=provider.jwks_url),
    )
    id_tokens = IdTokens(providers_of(settings))

    async def proven(**claims: Any) -> Proof:
        return await proof_of(id_tokens, provider.token(**claims))

    apple = await proven(iss=f"{provider.url}/apple", email_verified="true", phone_number="+4915123456789")
    assert apple == Proof(identity=Identity("apple", "1001"), email="ann@example.com")
    facebook = await proven(iss=f"{provider.url}/facebook")
    assert facebook == Proof(identity=Identity("facebook", "1001"))
    firebase = await proven(iss=f"{provider.url}/firebase/p-1", aud="p-1", phone_number="+4915123456789")
    assert firebase == Proof(identity=Identity("firebase", "1001"), email="ann@example.com", phone="+4915123456789")
    with pytest.raises(InvalidIdToken):  # a token of one project with the audience of another
        await proven(iss=f"{provider.url}/firebase/p-1", aud="p-2")
    assert await id_tokens.prove(Claims(auth_token=provider.token(iss=f"{provider.url}/firebase/p-3", aud="p-3"))) == ()


def test_a_provider_without_client_ids_is_not_used() -> None:
    assert providers_of(Providers()) == []
    assert [provider.name for provider in providers_of(Providers(apple=Apple(client_ids=("a",))))] == ["apple"]
