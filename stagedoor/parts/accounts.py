"""Opens accounts: sessions, sign-in and its provers, codes and the messenger that sends them."""

from __future__ import annotations

from control_plane.accounts.bundle import Accounts
from control_plane.accounts.claims import Prover
from control_plane.accounts.codes.codes import Codes
from control_plane.accounts.codes.delivery import deliver_code
from control_plane.accounts.codes.prover import ConfirmedContacts
from control_plane.accounts.providers import apple
from control_plane.accounts.providers.apple import AppleEvents, AppleTokens
from control_plane.accounts.providers.clients import oauth_clients
from control_plane.accounts.providers.id_tokens import IdTokens, providers_of
from control_plane.accounts.providers.page_flow import PageFlow
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.delivery.logged import LoggedMessages, NoMessages
from control_plane.delivery.messenger import Messenger
from stagedoor.parts.live import Live


def accounts(settings: Settings, secrets: Secrets, database: Database, live: Live) -> Accounts:
    sessions = Sessions(secrets[Purpose.SESSION], database, settings.session_ttl_s)
    sessions.follow(live.bus)
    messenger: Messenger = LoggedMessages() if settings.dev else NoMessages()
    codes = Codes(database, secrets[Purpose.SESSION].signing.value, frozenset(messenger.channels), deliver_code)
    id_tokens, clients = IdTokens(providers_of(settings.providers)), oauth_clients(settings.providers)
    provers: list[Prover] = [id_tokens, ConfirmedContacts(codes)]
    if settings.dev:
        provers.append(UnprovenClaims())
    keyring = secrets[Purpose.SESSION]
    return Accounts(
        sessions,
        SignIn(database, sessions, provers, believes_claims=settings.dev),
        codes,
        PageFlow(clients, keyring),
        AppleTokens(clients.get(apple.NAME), id_tokens, database, keyring),
        AppleEvents(id_tokens, database),
        messenger,
    )
