"""The platform: what calls may use, put together from the other parts."""

from __future__ import annotations

from collections.abc import Mapping

from api.contract.platform import Platform
from api.http.urls import Urls
from control_plane.base.rate_limit import RateLimit
from control_plane.config.secrets import Secrets
from control_plane.config.settings import Settings
from control_plane.content.bundle import content
from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics
from control_plane.payments.bundle import Payments
from control_plane.pictures.pictures import Pictures
from control_plane.push.bundle import Pushing
from control_plane.storage.bundle import Stored
from control_plane.streams.bundle import Streams
from stagedoor.parts.accounts import accounts
from stagedoor.parts.inbox import inbox
from stagedoor.parts.live import Live
from stagedoor.parts.messages import messages
from stagedoor.parts.money import giving, rewards
from stagedoor.parts.payouts import payouts
from stagedoor.parts.personal_data import personal_data
from stagedoor.parts.reports import reports
from stagedoor.parts.social import social
from stagedoor.parts.videos import videos


def platform(
    settings: Settings,
    secrets: Secrets,
    database: Database,
    live: Live,
    streams: Streams,
    stored: Stored,
    urls: Urls,
    api_keys: Mapping[str, str],
    metrics: Metrics,
    pushing: Pushing,
    payments: Payments,
) -> Platform:
    opened_inbox = inbox(database, live, urls)
    pictures = Pictures()
    direct_messages = messages(database, stored, opened_inbox, urls, pictures)
    opened_accounts = accounts(settings, secrets, database, live, stored.files, pictures, metrics)
    return Platform(
        settings=settings,
        urls=urls,
        api_keys=api_keys,
        metrics=metrics,
        user_limit=RateLimit(settings.user_rate),
        database=database,
        accounts=opened_accounts,
        streams=streams,
        giving=giving(database, live, urls, metrics, opened_accounts),
        payments=payments,
        payouts=payouts(settings, secrets, database, opened_accounts, urls),
        rewards=rewards(settings, database),
        stored=stored,
        personal_data=personal_data(settings, database, opened_accounts, streams, direct_messages),
        content=content(database),
        social=social(database, live),
        inbox=opened_inbox,
        messages=direct_messages,
        reports=reports(settings, secrets, database, stored.files, opened_accounts),
        pushing=pushing,
        videos=videos(settings, secrets, database, stored),
    )
