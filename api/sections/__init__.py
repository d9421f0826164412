"""The endpoints of the contract: a module for each section, or a folder of modules for a large one. A new endpoint needs
a change in its module only, a new module one line here or in its folder."""

from __future__ import annotations

from api.contract.endpoint import Registry
from api.sections import (
    auth,
    coin_history,
    devices,
    gifts,
    live,
    messages,
    misc,
    notifications,
    report,
    sandbox,
    settings,
    social,
    users,
    videos,
    wallet,
)

SECTIONS = (
    *auth.SECTIONS,
    *users.SECTIONS,
    *videos.SECTIONS,
    live.section,
    gifts.section,
    *wallet.SECTIONS,
    coin_history.section,
    settings.section,
    devices.section,
    *social.SECTIONS,
    notifications.section,
    report.section,
    messages.section,
    *misc.SECTIONS,
)


def registry(*, dev: bool) -> Registry:
    """All endpoints of this server. The sandbox store is included in development mode only."""
    return Registry((*SECTIONS, sandbox.section) if dev else SECTIONS)
