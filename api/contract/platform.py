"""What every call may use: the bundles of the domains, and what belongs to this server. Put together in `stagedoor/parts/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from api.contract.limits import RateLimit
from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.gifts.bundle import Giving
from control_plane.observe.metrics import Metrics
from control_plane.payments.bundle import Payments
from control_plane.streams.bundle import Streams


@dataclass(frozen=True, slots=True)
class Platform:
    settings: Settings
    urls: Urls
    api_keys: Mapping[str, str]
    metrics: Metrics
    user_limit: RateLimit
    """Calls and gifts of each user, by whichever way they come."""
    database: Database
    accounts: Accounts
    streams: Streams
    giving: Giving
    payments: Payments
