"""The payment services that endpoints use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.db.remembered import Remembered
from control_plane.payments.purchases import Purchases
from control_plane.payments.sale import Package
from control_plane.payments.shops import SandboxShop


@dataclass(frozen=True, slots=True)
class Payments:
    packages: Remembered[Sequence[Package]]
    """The coin packages on sale."""
    purchases: Purchases
    sandbox: SandboxShop | None
    """The sandbox store of development mode. None in production."""
