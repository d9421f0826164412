"""The endpoints of the contract, one module for each section. A new endpoint needs a change in its module only."""

from __future__ import annotations

from api.contract.endpoint import Registry
from api.sections import auth, feed, gifts, live, sandbox, wallet
from api.sections.users import pictures, profile

SECTIONS = (auth.section, profile.section, pictures.section, feed.section, live.section, gifts.section, wallet.section)


def registry(*, dev: bool) -> Registry:
    """All endpoints of this server. The sandbox store is included in development mode only."""
    return Registry((*SECTIONS, sandbox.section) if dev else SECTIONS)
