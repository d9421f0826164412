"""The parts of the control plane that calls may use. Put together in `control_plane/server/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.contract.limits import RateLimit
from api.http.urls import Urls
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.sending import Gifts
from control_plane.observe.metrics import Metrics
from control_plane.payments.purchases import Purchases
from control_plane.payments.sale import Package
from control_plane.payments.shops import SandboxStore
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media.reconciler import Reconciler
from control_plane.streams.probing.prober import Prober
from control_plane.streams.running import RunningStreams


@dataclass(frozen=True, slots=True)
class Platform:
    settings: Settings
    urls: Urls
    api_keys: Mapping[str, str]
    metrics: Metrics
    user_limit: RateLimit
    """Calls and gifts of each user, by whichever way they come."""
    database: Database
    sessions: Sessions
    sign_in: SignIn
    keys: StreamKeys
    running: RunningStreams
    lifecycle: Lifecycle
    reconciler: Reconciler
    prober: Prober
    assortment: Assortment
    gifts: Gifts
    packages: Remembered[Sequence[Package]]
    """What coins are sold in."""
    purchases: Purchases
    sandbox: SandboxStore | None
    """The store of development mode; None elsewhere."""
