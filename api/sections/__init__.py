"""The contract, a module per section. An endpoint is added in its module and nowhere else."""

from __future__ import annotations

from api.contract.endpoint import Registry
from api.sections import auth, feed, gifts, live, sandbox, users, wallet

SECTIONS = (auth.section, users.section, feed.section, live.section, gifts.section, wallet.section)


def registry(*, dev: bool) -> Registry:
    """All endpoints of this server; the sandbox store's in development mode only."""
    return Registry((*SECTIONS, sandbox.section) if dev else SECTIONS)
