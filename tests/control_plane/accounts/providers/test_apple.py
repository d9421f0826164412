"""Apple's tokens and notifications."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from control_plane.accounts import store as accounts
from control_plane.accounts.providers import store
from control_plane.accounts.providers.apple import AppleEvents, AppleTokens
from control_plane.accounts.providers.clients import OAuthClient
from control_plane.accounts.providers.id_tokens import IdTokens, InvalidIdToken, providers_of
from control_plane.accounts.providers.key_set import KeysUnavailable
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.user import Identity, NewUser
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.config.providers import Apple, Google, Providers
from tests.control_plane.watched_database import WatchedDatabase
from tests.local_provider import CLIENT, Grant, LocalProvider, local_provider
from tests.postgres import by_owner

OLD, NEW = Secret("a", b"a" * 32), Secret("b", b"b" * 32)


@dataclass
class Desk:
    provider: LocalProvider
    database: WatchedDatabase
    tokens: AppleTokens
    events: AppleEvents
    sessions: Sessions
    ann: UserId

    def event(self, kind: str, subject: str = "a-ann", *, at: dt.datetime | None = None, **changes: Any) -> str:
        """A notification as Apple signs it."""
        at = at or dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
        event = {"type": kind, "sub": subject, "event_time": int(at.timestamp() * 1000)}
        claims = {"sub": None, "exp": None, "events": json.dumps(event), "jti": "1"}
        return self.provider.token(iss=f"{self.provider.url}/apple", **{**claims, **changes})


@pytest.fixture
async def desk(database: WatchedDatabase) -> AsyncIterator[Desk]:
    async with local_provider() as provider:
        settings = Providers(
            apple=Apple(client_ids=(CLIENT,), issuer=f"{provider.url}/apple", jwks_url=provider.jwks_url),
            google=Google(client_ids=(CLIENT,), issuer=f"{provider.url}/google", jwks_url=provider.jwks_url),
        )
        id_tokens = IdTokens(providers_of(settings))
        client = OAuthClient(
            name="apple",
            title="Apple",
            client_id="pages",
            secret_for=lambda client_id: f"secret of {client_id}",
            authorize_url=f"{provider.url}/authorize",
            token_url=f"{provider.url}/token",
            parameters={},
            revoke_url=f"{provider.url}/revoke",
        )
        sessions = Sessions(Keyring((OLD,)), database, 3600, state_s=0)
        async with database.transaction() as connection:
            ann = await accounts.create(connection, NewUser(username="ann"), [Identity("apple", "a-ann")])
        tokens = AppleTokens(client, id_tokens, database, Keyring((OLD,)))
        yield Desk(provider, database, tokens, AppleEvents(id_tokens, database), sessions, ann)


# ── tokens ──


async def test_the_token_of_an_apps_code_is_kept_encrypted_and_revoked(desk: Desk) -> None:
    desk.provider.grants["code-app"] = Grant(CLIENT, "", "", "")
    desk.provider.user = {"iss": f"{desk.provider.url}/apple"}
    await desk.tokens.exchange(desk.ann, "code-app", desk.provider.token(iss=f"{desk.provider.url}/apple"))
    assert desk.provider.requests[-1]["client_secret"] == f"secret of {CLIENT}"
    assert b"refresh" not in await desk.database.fetchval("select token from provider_token")
    await desk.tokens.revoke(desk.ann)
    assert desk.provider.revoked == ["refresh-code-app"]
    await desk.tokens.revoke(desk.ann)
    assert len(desk.provider.revoked) == 1
    assert await store.kept(desk.database, "apple", desk.ann) is None


async def test_a_code_without_a_valid_token_of_apple_is_not_exchanged(desk: Desk) -> None:
    desk.provider.grants["code-app"] = Grant(CLIENT, "", "", "")
    for token in ("", "a.b.c", desk.provider.token(iss=f"{desk.provider.url}/google"), desk.event("x", aud="stranger")):
        await desk.tokens.exchange(desk.ann, "code-app", token)
    assert desk.provider.requests == []


async def test_a_token_is_readable_after_a_rotation_and_not_with_other_secrets(desk: Desk) -> None:
    await desk.tokens.keep(desk.ann, "refresh-1", "pages")
    await replace(desk.tokens, keyring=Keyring((NEW, OLD))).revoke(desk.ann)
    assert desk.provider.revoked == ["refresh-1"]
    await desk.tokens.keep(desk.ann, "refresh-2", "pages")
    await replace(desk.tokens, keyring=Keyring((NEW,))).revoke(desk.ann)
    assert desk.provider.revoked == ["refresh-1"]


async def test_while_apple_is_away_the_token_is_kept_for_the_next_attempt(desk: Desk) -> None:
    await desk.tokens.keep(desk.ann, "refresh-1", "pages")
    desk.provider.status = 503
    with pytest.raises(KeysUnavailable):
        await desk.tokens.revoke(desk.ann)
    desk.provider.status = 200
    await desk.tokens.revoke(desk.ann)
    assert desk.provider.revoked == ["refresh-1"]


async def test_no_token_is_kept_for_a_user_without_apple(desk: Desk) -> None:
    async with desk.database.transaction() as connection:
        bob = await accounts.create(connection, NewUser(username="bob"), [Identity("google", "g-bob")])
    await desk.tokens.keep(bob, "refresh-1", "pages")
    assert await store.kept(desk.database, "apple", bob) is None


# ── notifications ──


@pytest.mark.parametrize("kind", ["consent-revoked", "account-delete", "account-deleted"])
async def test_a_withdrawn_consent_ends_the_way_in_and_the_sessions(desk: Desk, kind: str) -> None:
    session = await desk.sessions.issue(desk.ann)
    await desk.tokens.keep(desk.ann, "refresh-1", "pages")
    await desk.events.take(desk.event(kind))
    assert await accounts.id_by_identity(desk.database, Identity("apple", "a-ann")) is None
    assert await desk.sessions.identify(session) is None
    assert await store.kept(desk.database, "apple", desk.ann) is None
    await desk.events.take(desk.event(kind))


async def test_a_withdrawal_and_the_end_of_the_sessions_are_one_change(desk: Desk) -> None:
    """Apple repeats a notification that failed. It would find no identity any more, and the sessions would stay."""
    session = await desk.sessions.issue(desk.ann)
    refuse = "create function refuse() returns trigger language plpgsql as 'begin raise exception ''away''; end';"
    await by_owner(desk.database, f"{refuse} create trigger refuse before delete on session execute function refuse()")
    with pytest.raises(asyncpg.RaiseError):
        await desk.events.take(desk.event("consent-revoked"))
    await by_owner(desk.database, "drop trigger refuse on session")
    await desk.events.take(desk.event("consent-revoked"))
    assert await desk.sessions.identify(session) is None


async def test_an_old_event_does_not_end_a_newer_consent(desk: Desk) -> None:
    await desk.events.take(desk.event("consent-revoked", at=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)))
    assert await accounts.id_by_identity(desk.database, Identity("apple", "a-ann")) == desk.ann


@pytest.mark.parametrize("kind", ["email-disabled", "email-enabled", "something new"])
async def test_other_events_change_nothing(desk: Desk, kind: str) -> None:
    await desk.events.take(desk.event(kind))
    assert await accounts.id_by_identity(desk.database, Identity("apple", "a-ann")) == desk.ann


async def test_what_apple_did_not_sign_for_us_changes_nothing(desk: Desk) -> None:
    forged = desk.event("consent-revoked").rpartition(".")[0] + "."
    for payload in (
        "",
        desk.provider.token(iss=f"{desk.provider.url}/google"),
        "a.b.c",
        forged,
        desk.event("consent-revoked", aud="stranger"),
        desk.event("consent-revoked", events="no json"),
        desk.event("consent-revoked", events="[]"),
        desk.event("consent-revoked", events=None),
        desk.event("consent-revoked", events=json.dumps({"type": "consent-revoked", "sub": "a-ann"})),
        desk.event(
            "consent-revoked", events=json.dumps({"type": "consent-revoked", "sub": "a-ann", "event_time": 1e300})
        ),
        desk.event("consent-revoked", "a-ann\0"),
        desk.event("consent-revoked", "a-\ud800"),
    ):
        with pytest.raises(InvalidIdToken):
            await desk.events.take(payload)
    assert await accounts.id_by_identity(desk.database, Identity("apple", "a-ann")) == desk.ann
