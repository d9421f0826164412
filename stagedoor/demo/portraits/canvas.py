"""A square picture with flat shapes. Lengths are hundredths of its side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

OVERSAMPLED = 2
"""Drawn this many times larger and scaled down, because Pillow draws hard edges."""
_STEPS = 12
"""Straight lines for each part of a curve. Fewer: corners show."""
_CORNERS = 96
"""Of an oval. Fewer: they show. A multiple of 4, for its four outermost points."""

Colour = tuple[int, int, int]
Point = tuple[float, float]


class Canvas:
    def __init__(self, side: int, colour: Colour) -> None:
        self._unit = side * OVERSAMPLED / 100
        self._image = Image.new("RGB", (side * OVERSAMPLED,) * 2, colour)
        self._draw = ImageDraw.Draw(self._image)
        self.shift: Point = (0, 0)
        self.zoom = 1.0
        """Both apply to what is drawn next; the point (50, 72) stays in its place."""

    def finished(self) -> Image.Image:
        return self._image.reduce(OVERSAMPLED)

    def disc(self, x: float, y: float, radius: float, colour: Colour, height: float | None = None) -> None:
        """A circle; an ellipse where `height`, half of its own, is given."""
        height = radius if height is None else height
        (left, top), (right, bottom) = self._placed([(x - radius, y - height), (x + radius, y + height)])
        self._draw.ellipse((left, top, right, bottom), fill=colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        (left, top), (right, bottom) = self._placed([(x - radius, y - radius), (x + radius, y + radius)])
        self._draw.ellipse((left, top, right, bottom), outline=colour, width=round(width * self.zoom * self._unit))

    def shape(self, points: Iterable[Point], colour: Colour) -> None:
        """The polygon of these corners."""
        self._draw.polygon(self._placed(points), fill=colour)

    def blob(self, points: Sequence[Point], colour: Colour) -> None:
        """The shape inside a smooth curve through the points."""
        self.shape(_smooth([points[-1], *points, points[0], points[1]]), colour)

    def stroke(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A smooth line through the points, with round ends."""
        self._draw.line(
            self._placed(_smooth([points[0], *points, points[-1]])),
            fill=colour,
            width=round(width * self.zoom * self._unit),
            joint="curve",
        )
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, colour)

    def _placed(self, points: Iterable[Point]) -> list[Point]:
        (right, down), zoom, unit = self.shift, self.zoom, self._unit
        return [((50 + (x + right - 50) * zoom) * unit, (72 + (y + down - 72) * zoom) * unit) for x, y in points]


def oval(x: float, y: float, width: float, height: float, fullness: float = 2.0, chin: float = 0.0) -> list[Point]:
    """The outline of a superellipse: fullness 2 is an ellipse, more is squarer. `chin`: how much narrower it is
    towards its lower end. Width and height are halves."""
    points = []
    for step in range(_CORNERS):
        angle = math.tau * step / _CORNERS
        across, down = (math.copysign(abs(part) ** (2 / fullness), part) for part in (math.cos(angle), math.sin(angle)))
        points.append((x + width * across * (1 - chin * max(down, 0) ** 1.5), y + height * down))
    return points


def both(*right_half: Point) -> list[Point]:
    """The outline of a symmetric shape. Its right half is given from top to bottom, relative to the middle."""
    return [(50 + x, y) for x, y in right_half] + [(50 - x, y) for x, y in reversed(right_half) if x]


def _smooth(points: Sequence[Point]) -> list[Point]:
    """Catmull-Rom curve through all points but the first and the last, which give its direction there."""
    curve = []
    for (ax, ay), (bx, by), (cx, cy), (dx, dy) in zip(points, points[1:], points[2:], points[3:], strict=False):
        for step in range(_STEPS):
            t = step / _STEPS
            curve.append((_between(ax, bx, cx, dx, t), _between(ay, by, cy, dy, t)))
    return [*curve, points[-2]]


def _between(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def colour(hexadecimal: str) -> Colour:
    """Of six digits, such as ff8800."""
    red, green, blue = bytes.fromhex(hexadecimal)
    return red, green, blue
