"""The gifts that come with the server, cheapest first. The pictures are in `artwork/` (SVG). Operators change them and add
others (`editing.py`), whose ids begin at FIRST_OWN_ID."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.ids import GiftId

FIRST_OWN_ID = 1001


class GiftCategory(StrEnum):
    NORMAL = "normal"
    PREMIUM = "premium"
    LUXURY = "luxury"


@dataclass(frozen=True, slots=True)
class CatalogueGift:
    id: GiftId
    title: str
    coins: int
    category: GiftCategory
    picture: str
    """File name in `artwork/`."""
    time_s: int
    """Duration of the animation."""
    featured: bool = False


_NORMAL, _PREMIUM, _LUXURY = GiftCategory.NORMAL, GiftCategory.PREMIUM, GiftCategory.LUXURY

CATALOGUE: tuple[CatalogueGift, ...] = (
    CatalogueGift(GiftId(1), "Rose", 1, _NORMAL, "rose.svg", 2, featured=True),
    CatalogueGift(GiftId(2), "Heart", 5, _NORMAL, "heart.svg", 2, featured=True),
    CatalogueGift(GiftId(3), "Coffee", 10, _NORMAL, "coffee.svg", 2),
    CatalogueGift(GiftId(4), "Ice Cream", 20, _NORMAL, "ice_cream.svg", 2),
    CatalogueGift(GiftId(5), "Balloons", 30, _NORMAL, "balloons.svg", 3),
    CatalogueGift(GiftId(6), "Cupcake", 50, _NORMAL, "cupcake.svg", 3),
    CatalogueGift(GiftId(7), "Teddy Bear", 99, _PREMIUM, "teddy.svg", 3, featured=True),
    CatalogueGift(GiftId(8), "Microphone", 149, _PREMIUM, "microphone.svg", 3),
    CatalogueGift(GiftId(9), "Gift Box", 199, _PREMIUM, "gift_box.svg", 3),
    CatalogueGift(GiftId(10), "Fireworks", 299, _PREMIUM, "fireworks.svg", 4, featured=True),
    CatalogueGift(GiftId(11), "Crown", 499, _PREMIUM, "crown.svg", 4),
    CatalogueGift(GiftId(12), "Trophy", 799, _PREMIUM, "trophy.svg", 4),
    CatalogueGift(GiftId(13), "Diamond", 1000, _LUXURY, "diamond.svg", 5, featured=True),
    CatalogueGift(GiftId(14), "Rocket", 2000, _LUXURY, "rocket.svg", 5),
    CatalogueGift(GiftId(15), "Yacht", 3500, _LUXURY, "yacht.svg", 6),
    CatalogueGift(GiftId(16), "Planet", 5000, _LUXURY, "planet.svg", 6),
)
