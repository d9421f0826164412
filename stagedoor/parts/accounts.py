"""Opens accounts: sessions and sign-in."""

from __future__ import annotations

from control_plane.accounts.bundle import Accounts
from control_plane.accounts.claims import Prover
from control_plane.accounts.providers.id_tokens import IdTokens, providers_of
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from stagedoor.parts.live import Live


def accounts(settings: Settings, secrets: Secrets, database: Database, live: Live) -> Accounts:
    sessions = Sessions(secrets[Purpose.SESSION], database, settings.session_ttl_s)
    sessions.follow(live.bus)
    provers: list[Prover] = [IdTokens(providers_of(settings.providers))]
    if settings.dev:
        provers.append(UnprovenClaims())
    return Accounts(sessions, SignIn(database, sessions, provers, believes_claims=settings.dev))
