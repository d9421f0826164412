"""Opens accounts: sessions, sign-in and its provers, codes and the messenger that sends them."""

from __future__ import annotations

from control_plane.accounts.age import Ages
from control_plane.accounts.bundle import Accounts
from control_plane.accounts.claims import Prover
from control_plane.accounts.codes.codes import Codes
from control_plane.accounts.codes.delivery import deliver_code
from control_plane.accounts.codes.metrics import CodeMetrics
from control_plane.accounts.codes.prover import ConfirmedContacts
from control_plane.accounts.contact_changes import ContactChanges
from control_plane.accounts.last_uses import LastUses
from control_plane.accounts.lookups import Lookups
from control_plane.accounts.notices import Notices
from control_plane.accounts.notices_delivery import deliver_notice
from control_plane.accounts.passwords import Passwords
from control_plane.accounts.phone_book import PhoneBook
from control_plane.accounts.profile_media import ProfileMedia
from control_plane.accounts.providers import apple
from control_plane.accounts.providers.apple import AppleEvents, AppleTokens
from control_plane.accounts.providers.clients import oauth_clients
from control_plane.accounts.providers.id_tokens import IdTokens, providers_of
from control_plane.accounts.providers.page_flow import PageFlow
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.accounts.verifications import Verifications
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.delivery.logged import LoggedMessages, NoMessages
from control_plane.delivery.messenger import Messenger
from control_plane.observe.metrics import Metrics
from control_plane.pictures.clips import Clips
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from stagedoor.parts.live import Live


def accounts(
    settings: Settings,
    secrets: Secrets,
    database: Database,
    live: Live,
    files: Files,
    pictures: Pictures,
    metrics: Metrics,
) -> Accounts:
    sessions = Sessions(secrets[Purpose.SESSION], database, settings.session_ttl_s)
    sessions.follow(live.bus)
    messenger = _messenger(settings)
    codes = Codes(
        database,
        secrets[Purpose.SESSION].signing.value,
        frozenset(messenger.channels),
        deliver_code,
        CodeMetrics(metrics),
        sms_per_day=settings.sms_per_day,
    )
    notices = Notices(database, frozenset(messenger.channels), deliver_notice)
    id_tokens, clients = IdTokens(providers_of(settings.providers)), oauth_clients(settings.providers)
    provers: list[Prover] = [id_tokens, ConfirmedContacts(codes)]
    if settings.dev:
        provers.append(UnprovenClaims())
    ages, keyring = ages_of(settings), secrets[Purpose.SESSION]
    return Accounts(
        sessions,
        LastUses(database),
        SignIn(database, sessions, provers, believes_claims=settings.dev, ages=ages),
        codes,
        Passwords(database, sessions, codes, notices),
        ContactChanges(database, codes, notices),
        Lookups(database),
        notices,
        PageFlow(clients, keyring),
        AppleTokens(clients.get(apple.NAME), id_tokens, database, keyring),
        AppleEvents(id_tokens, database),
        messenger,
        ProfileMedia(database, files, pictures, Clips(settings.uploads_dir, settings.ffmpeg)),
        PhoneBook(database),
        ages,
        Verifications(database, files),
    )


def ages_of(settings: Settings) -> Ages:
    return Ages(
        register=settings.min_age,
        go_live=settings.live_age,
        send_gifts=settings.gift_age,
        be_paid=settings.payout_age,
        required=settings.age_required,
    )


def _messenger(settings: Settings) -> Messenger:
    """Development mode writes the messages of a channel without a URL to the log. Raises UnusableService."""
    otherwise: Messenger = LoggedMessages() if settings.dev else NoMessages()
    if not settings.mail_url and not settings.sms_url:
        return otherwise
    from control_plane.delivery.service import Services, services  # slow to import, and not needed without the URLs

    return Services(services(settings.mail_url, settings.sms_url, settings.product_name), otherwise)
