"""The gift services that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.gifts.assortment import Assortment
from control_plane.gifts.boards import Boards
from control_plane.gifts.sending import Gifts


@dataclass(frozen=True, slots=True)
class Giving:
    assortment: Assortment
    gifts: Gifts
    boards: Boards
