"""`Platform`, the services that endpoints and pages use: one bundle for each domain, and this server's settings, URLs
and metrics. It is assembled in `stagedoor/parts/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.base.rate_limit import RateLimit
from control_plane.config.settings import Settings
from control_plane.content.bundle import Content
from control_plane.db.pool import Database
from control_plane.gifts.bundle import Giving
from control_plane.inbox.bundle import Inbox
from control_plane.messages.bundle import DirectMessages
from control_plane.observe.metrics import Metrics
from control_plane.payments.bundle import Payments
from control_plane.payouts.bundle import Payouts
from control_plane.personal_data.bundle import PersonalData
from control_plane.push.bundle import Pushing
from control_plane.reports.bundle import Reports
from control_plane.rewards.bundle import Rewards
from control_plane.social.bundle import Social
from control_plane.storage.bundle import Stored
from control_plane.streams.bundle import Streams
from control_plane.videos.bundle import Videos


@dataclass(frozen=True, slots=True)
class Platform:
    settings: Settings
    urls: Urls
    api_keys: Mapping[str, str]
    metrics: Metrics
    user_limit: RateLimit
    """The rate limit of each user: contract calls and gifts over the live socket share it."""
    database: Database
    accounts: Accounts
    streams: Streams
    giving: Giving
    payments: Payments
    payouts: Payouts
    rewards: Rewards
    stored: Stored
    personal_data: PersonalData
    content: Content
    social: Social
    pushing: Pushing
    inbox: Inbox
    reports: Reports
    messages: DirectMessages
    videos: Videos
