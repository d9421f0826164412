"""What the picture of a demo user shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ShortHair = Literal["bald", "buzz", "short", "quiff", "curls", "receding", "afro", "pixie"]
LongHair = Literal["bob", "swept", "long", "fringe", "waves", "bun", "ponytail", "plaits", "locs"]
CoveredHair = Literal["beanie", "headscarf", "turban"]
Hair = ShortHair | LongHair | CoveredHair
Backdrop = Literal["plain", "disc", "halves", "rings", "hills", "stripes", "dots", "rays"]
Cloth = Literal["crew", "vee", "hoodie", "collar", "turtleneck", "striped", "dungarees"]
Face = Literal["oval", "round", "long", "square"]
Mouth = Literal["smile", "grin", "calm", "smirk"]
Beard = Literal["", "stubble", "full", "goatee", "moustache"]
Glasses = Literal["", "round", "square", "shades"]


@dataclass(frozen=True, slots=True)
class Look:
    """Colours have six hexadecimal digits."""

    skin: str
    hair: Hair
    hair_colour: str
    """Of the cloth where it covers the hair."""
    cloth: Cloth
    cloth_colour: str
    backdrop: Backdrop
    backdrop_colour: str
    face: Face = "oval"
    mouth: Mouth = "smile"
    beard: Beard = ""
    glasses: Glasses = ""
    earrings: bool = False
    freckles: bool = False
    moves: bool = False
    """There is an animated picture, too."""
