"""A person on a backdrop. Its methods draw layer over layer; the hair has a module of its own."""

from __future__ import annotations

import math
from typing import get_args

from stagedoor.demo.portraits.canvas import Canvas, Colour, Point, both, colour, mixed, oval
from stagedoor.demo.portraits.look import CoveredHair, Look

ZOOM = 1.12
WHITE: Colour = (255, 255, 255)
INK: Colour = (43, 34, 44)
_RED: Colour = (235, 80, 90)
_GOLD: Colour = (244, 196, 84)
_BROWN: Colour = (62, 42, 38)
"""Beard and brows where the hair is covered."""
MIDDLE, EYES = 50.0, 44.5
"""Of the person from the left, and of the eyes from the top."""
_HEAD = EYES - 1.5
"""The middle of the head."""
_FACES = {
    "oval": (18.5, 23.5, 2.15, 0.16),
    "round": (20.5, 22.5, 2.2, 0.1),
    "long": (17.5, 25.0, 2.2, 0.14),
    "square": (19.0, 23.5, 2.6, 0.1),
}
"""Half width, half height, fullness and chin of the head, as for `oval`."""


class Figure:
    def __init__(self, look: Look, side: int) -> None:
        self.look = look
        self.hair = colour(look.hair_colour)
        self._beard = _BROWN if look.hair in get_args(CoveredHair) else self.hair
        self.cloth = colour(look.cloth_colour)
        self._ground = colour(look.backdrop_colour)
        self._skin = colour(look.skin)
        self._shade = mixed(self._skin, (120, 40, 40), 0.2)
        self.width, height, self._fullness, self._chin = _FACES[look.face]
        self._height = height
        self.top, self.low = _HEAD - height, _HEAD + height
        self.canvas = Canvas(side, self._ground)

    def nod(self, nod: float) -> None:
        """Move what is drawn next, all of it in front of the backdrop."""
        self.canvas.zoom, self.canvas.shift = ZOOM, (0.7 * nod, 0.9 * nod)

    def outline(self, more: float = 0.0) -> list[Point]:
        """Of the head; `more`: of one that is larger."""
        return oval(MIDDLE, _HEAD, self.width + more, self._height + more, self._fullness, self._chin)

    def backdrop(self) -> None:
        canvas, light, dark = self.canvas, mixed(self._ground, WHITE, 0.3), mixed(self._ground, INK, 0.14)
        match self.look.backdrop:
            case "disc":
                canvas.disc(50, 50, 40, light)
            case "halves":
                canvas.shape([(0, 100), (100, 0), (100, 100)], light)
            case "rings":
                for number, radius in enumerate((62, 50, 38, 26)):
                    canvas.disc(50, 46, radius, (light, self._ground)[number % 2])
            case "hills":
                canvas.disc(82, 20, 9, light)
                canvas.disc(16, 112, 52, dark)
                canvas.disc(88, 118, 50, mixed(self._ground, INK, 0.24))
            case "stripes":
                for x in range(-100, 110, 20):
                    canvas.shape([(x, 0), (x + 10, 0), (x + 110, 100), (x + 100, 100)], light)
            case "dots":
                for number in range(64):
                    row, column = divmod(number, 8)
                    canvas.disc(column * 14 + row % 2 * 7, 4 + row * 13, 2.2, light)
            case "rays":
                for number in range(12):
                    angles = [math.tau * (number + share) / 12 for share in (0, 0.5)]
                    canvas.shape([(50, 46), *((50 + 90 * math.cos(a), 46 + 90 * math.sin(a)) for a in angles)], light)

    def body(self) -> None:
        canvas, cloth, dark = self.canvas, self.cloth, mixed(self.cloth, INK, 0.25)
        if self.look.cloth == "hoodie":
            canvas.blob(both((0, 66), (17, 71), (23, 84), (0, 92)), dark)
        canvas.shape(oval(50, 114, 39, 39.5, 2.5), cloth)
        if self.look.cloth == "striped":
            for height, width in ((84, 30), (92, 34.5), (100, 37)):
                canvas.shape(both((width, height), (width + 0.8, height + 4)), mixed(cloth, WHITE, 0.45))
        canvas.disc(50, 76, 10.5, self._skin, 7)
        canvas.shape(both((7.5, 58), (8.5, 76)), self._skin)
        canvas.blob(both((7.5, 62), (8, 68), (0, 73.5)), self._shade)
        self._neckline(dark, mixed(cloth, WHITE, 0.45))

    def _neckline(self, dark: Colour, light: Colour) -> None:
        canvas = self.canvas
        match self.look.cloth:
            case "vee":
                canvas.shape([(40, 75), (60, 75), (50, 92)], self._skin)
                canvas.stroke([(39.5, 75), (50, 92.5)], 2, dark)
                canvas.stroke([(60.5, 75), (50, 92.5)], 2, dark)
            case "collar":
                canvas.shape([(39, 74), (50, 86), (42, 92), (34, 77)], light)
                canvas.shape([(61, 74), (50, 86), (58, 92), (66, 77)], light)
                for height in (91, 97):
                    canvas.disc(50, height, 0.9, light)
            case "hoodie":
                canvas.stroke([(39, 76), (43, 84), (50, 87), (57, 84), (61, 76)], 3.4, dark)
                canvas.stroke([(45, 86), (44.5, 97)], 1.2, light)
                canvas.stroke([(55, 86), (55.5, 97)], 1.2, light)
            case "turtleneck":
                canvas.blob(both((0, 73), (9.5, 70), (11, 80), (0, 84)), mixed(self.cloth, INK, 0.12))
            case "dungarees":
                for side in (-1, 1):
                    canvas.stroke([(50 + side * 15, 78), (50 + side * 11, 92)], 5, light)
                canvas.shape([(36, 91), (64, 91), (64, 110), (36, 110)], light)
            case "crew" | "striped":
                canvas.stroke([(39.2, 75), (43, 81.5), (50, 83.8), (57, 81.5), (60.8, 75)], 2, dark)

    def head(self) -> None:
        for side in (-1, 1):
            x = MIDDLE + side * (self.width + 0.6)
            self.canvas.disc(x, EYES + 2, 3.4, self._skin, 4.6)
            self.canvas.disc(x, EYES + 2, 1.7, self._shade, 2.7)
        self.canvas.shape(self.outline(), self._skin)

    def beard(self) -> None:
        canvas, kind, hair = self.canvas, self.look.beard, mixed(self._beard, self._skin, 0.15)
        if kind in ("full", "stubble"):
            thickness = 0.8 if kind == "full" else 0.0
            jaw = sorted(point for point in self.outline(thickness) if point[1] > EYES + 3)
            lip = [(63.0, 51.5), (58.0, 52.5), (50.0, 51.8), (42.0, 52.5), (37.0, 51.5)]
            canvas.shape([*jaw, *lip], hair if kind == "full" else mixed(self._skin, self._beard, 0.3))
        if kind == "goatee":
            canvas.blob(both((0, 60), (6, 57), (5, self.low - 0.5), (0, self.low + 1.5)), hair)
        if kind in ("full", "goatee", "moustache"):
            canvas.blob(both((0, 52.8), (4, 52.2), (8.5, 56), (4, 56), (0, 55)), hair)

    def features(self, *, blinks: bool) -> None:
        canvas = self.canvas
        for side in (-1, 1):
            x = MIDDLE + side * 7.6
            if self.look.beard != "full":
                cheek = mixed(self._skin, _RED, 0.08 + 0.18 * self._skin[0] / 255)  # fainter on dark skin
                canvas.disc(MIDDLE + side * 11.5, EYES + 7, 3.3, cheek, 2.5)
            if self.look.freckles:
                for right, down in ((8.2, 4.6), (10.4, 5.6), (12.2, 4.4)):
                    canvas.disc(MIDDLE + side * right, EYES + down, 0.45, self._shade)
            if blinks:
                canvas.stroke([(x - 2.4, EYES), (x, EYES + 1.1), (x + 2.4, EYES)], 1.1, INK)
            else:
                canvas.disc(x, EYES, 2.1, INK, 2.5)
                canvas.disc(x + 0.7, EYES - 0.9, 0.7, WHITE)
            brow = [(x - 3.4, EYES - 5), (x + side * 0.4, EYES - 6.3), (x + 3.4, EYES - 5)]
            canvas.stroke(brow, 1.3, mixed(self._beard, INK, 0.35))
        canvas.stroke([(50.3, EYES + 2), (51.8, EYES + 6), (49.4, EYES + 6.8)], 1.1, self._shade)
        self._mouth(mixed(self._skin, (150, 30, 50), 0.5))

    def _mouth(self, lip: Colour) -> None:
        canvas = self.canvas
        match self.look.mouth:
            case "smile":
                canvas.stroke([(44.5, 56.6), (47, 58.4), (50, 59), (53, 58.4), (55.5, 56.6)], 1.4, lip)
            case "grin":
                canvas.blob(both((0, 56.8), (6.2, 56), (4.5, 60), (0, 61.8)), mixed(lip, INK, 0.45))
                canvas.blob(both((0, 57.2), (5, 56.4), (4, 58), (0, 58.6)), WHITE)
            case "calm":
                canvas.stroke([(45.8, 57.8), (50, 58.2), (54.2, 57.8)], 1.4, lip)
            case "smirk":
                canvas.stroke([(45.5, 58.2), (50, 58.6), (53.5, 57.8), (55.5, 56.2)], 1.4, lip)

    def jewellery(self) -> None:
        """Earrings and glasses."""
        canvas, kind = self.canvas, self.look.glasses
        for side in (-1, 1):
            x, temple = MIDDLE + side * 7.9, MIDDLE + side * (self.width - 0.5)
            if self.look.earrings:
                canvas.disc(MIDDLE + side * (self.width + 1), EYES + 8.4, 1.5, _GOLD)
            if not kind:
                continue
            frame = oval(x, EYES + 0.4, 6.4, 4.7, 4)
            if kind == "round":
                canvas.ring(x, EYES + 0.3, 6, 1.1, INK)
            elif kind == "square":
                canvas.stroke([*frame[::8], frame[0]], 1.1, INK)
            else:
                canvas.shape(frame, INK)
                canvas.stroke([(x - 2, EYES + 1.6), (x, EYES - 1.6)], 1, (110, 105, 125))
            canvas.stroke([(MIDDLE + side * 14, EYES - 0.8), (temple, EYES - 1.4)], 1, INK)
        if kind:
            canvas.stroke([(48.2, EYES - 0.5), (51.8, EYES - 0.5)], 1.1, INK)
