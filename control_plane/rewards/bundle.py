"""The rewards that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.rewards.checking_in import CheckingIn


@dataclass(frozen=True, slots=True)
class Rewards:
    checking_in: CheckingIn
