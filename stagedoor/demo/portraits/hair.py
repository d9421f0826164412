"""Hair, and what covers it: what is drawn behind the body, and what in front of the face."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from stagedoor.demo.portraits.canvas import Point, both, mixed
from stagedoor.demo.portraits.figure import EYES, INK, MIDDLE, WHITE, Figure
from stagedoor.demo.portraits.look import Hair


def _nothing(figure: Figure) -> None:
    pass


def _cap(figure: Figure, thickness: float, hairline: list[Point], lowest: float = EYES) -> None:
    """From ear to ear over the top of the head. `hairline`: its lower edge, from right to left."""
    over = sorted(point for point in figure.outline(thickness) if point[1] < lowest)
    figure.canvas.shape([*over, *hairline], figure.hair)


def _line(*right_half: Point) -> list[Point]:
    """A symmetric hairline. Its right half is given from the ear to the middle, relative to the middle."""
    return [*((50 + x, y) for x, y in right_half), *((50 - x, y) for x, y in reversed(right_half))]


def _buzz(figure: Figure) -> None:
    width, top = figure.width, figure.top
    _cap(figure, 0.5, _line((width - 1.5, 37), (width - 4, top + 9.5), (0, top + 8)))


def _short(figure: Figure) -> None:
    width, top = figure.width, figure.top
    right: list[Point] = [(48.5 + width, 41), (47 + width, 33), (59, top + 10.5)]
    _cap(figure, 2, [*right, (44, top + 8), (55 - width, top + 12), (51.5 - width, 41)])


def _quiff(figure: Figure) -> None:
    left, right, top = 50 - figure.width, 50 + figure.width, figure.top
    _short(figure)
    tuft: list[Point] = [
        (left + 4, top + 1),
        (44, top - 6),
        (56, top - 7.5),
        (right - 3, top - 3),
        (right - 1, top + 7),
    ]
    figure.canvas.blob([(left + 3, top + 9), *tuft, (56, top + 9)], figure.hair)


def _curls(figure: Figure) -> None:
    width, reach = figure.width, EYES - 4 - figure.top
    for number in range(11):
        angle = math.pi * (1.07 + 0.86 * number / 10)
        x, y = (width + 0.5) * math.cos(angle), (reach + 0.5) * math.sin(angle)
        figure.canvas.disc(50 + x, EYES - 4 + y, 5.6, figure.hair)
    for number in range(6):
        figure.canvas.disc(37 + number * 5.2, figure.top + 6 + abs(number - 2.5) * 0.9, 4.4, figure.hair)


def _receding(figure: Figure) -> None:
    for side in (-1, 1):
        outer = [point for point in figure.outline(1.8) if 33 < point[1] < 51 and (point[0] - MIDDLE) * side > 0]
        x = MIDDLE + side * figure.width
        inner = [(x - side * 1.5, 47.0), (x - side * 2.5, 41.0), (x - side * 1.2, 33.5)]
        figure.canvas.shape([*sorted(outer, key=lambda point: point[1]), *inner], figure.hair)


def _round_behind(figure: Figure) -> None:
    figure.canvas.disc(50, EYES - 7, 29, figure.hair, 27.5)


def _round_before(figure: Figure) -> None:
    width, top = figure.width, figure.top
    _cap(figure, 1, _line((width - 1, 39), (width - 4, top + 11), (0, top + 8.5)))


def _bob(figure: Figure) -> None:
    width, top = figure.width, figure.top
    half: list[Point] = [(0, top - 4.5), (width - 2, top + 2), (width + 6, 45), (width + 5, 66), (0, 70)]
    figure.canvas.blob(both(*half), figure.hair)


def _long(figure: Figure) -> None:
    width, top = figure.width, figure.top
    half: list[Point] = [(0, top - 4.5), (width - 1, top + 3), (width + 6, 48), (width + 8, 88), (0, 92)]
    figure.canvas.blob(both(*half), figure.hair)


def _waves(figure: Figure) -> None:
    _bob(figure)
    for row in range(6):
        out = (0.5 if row % 2 else 2.5) + row * 0.7
        for side in (-1, 1):
            figure.canvas.disc(MIDDLE + side * (figure.width + out), 44 + row * 7.5, 7, figure.hair)
    figure.canvas.shape(both((figure.width, 50), (figure.width + 3, 84)), figure.hair)


def _fringe(figure: Figure) -> None:
    width = figure.width
    _cap(figure, 2.5, _line((width - 0.5, 50), (width - 2.5, 39.5), (0, 37.5)), EYES + 6)


def _parted(figure: Figure) -> None:
    """In the middle."""
    for side in (-1, 1):
        _strand(figure, side, 50)


def _swept(figure: Figure) -> None:
    """Parted at the side."""
    _strand(figure, -1, 60)
    _strand(figure, 1, 60)


def _strand(figure: Figure, side: int, parting: float) -> None:
    """Hair from the parting to one ear."""
    x, top = MIDDLE + side * figure.width, figure.top
    inner: list[Point] = [(parting, top + 4.5), (parting + (x - parting) * 0.25, top + 11.5), (x - side * 3, 38)]
    outer: list[Point] = [
        (x + side * 0.5, 51),
        (x + side * 3, 49),
        (x + side, top + 8.5),
        (MIDDLE + side * 6, top - 2.2),
    ]
    figure.canvas.blob([*inner, *outer, (parting - side * 2, top - 1)], figure.hair)


def _combed(figure: Figure) -> None:
    """Back from the forehead."""
    width, top = figure.width, figure.top
    _cap(figure, 1.5, _line((width - 0.5, 42), (width - 4, 33), (7, top + 7.5), (0, top + 6.5)))


def _bun(figure: Figure) -> None:
    figure.canvas.disc(50, figure.top - 5, 9, figure.hair, 8)


def _tail(figure: Figure) -> None:
    right, top = 50 + figure.width, figure.top
    outer: list[Point] = [(58, top + 2), (right + 3, top - 5), (right + 13, top + 6), (right + 14, 48), (right + 9, 66)]
    figure.canvas.blob([*outer, (right + 6, 46), (right, top + 12)], figure.hair)


def _plaits(figure: Figure) -> None:
    _parted(figure)
    for side in (-1, 1):
        x = MIDDLE + side * (figure.width + 1.5)
        for number in range(7):
            figure.canvas.disc(x, 53 + number * 5.2, 3.7 - number * 0.12, figure.hair, 3.4)
        figure.canvas.disc(x, 88, 2.4, figure.cloth, 1.6)


def _locs(figure: Figure, *, ends: Callable[[int], float], spread: float, root: float) -> None:
    lighter = mixed(figure.hair, WHITE, 0.1)
    for number in range(11):
        x = spread * (number / 5 - 1)
        points: list[Point] = [(50 + x * 0.6, root), (50 + x * 0.9, root + 5), (50 + x, ends(number))]
        figure.canvas.stroke(points, 5.2, (figure.hair, lighter)[number % 2])


def _locs_behind(figure: Figure) -> None:
    _bob(figure)
    _locs(figure, ends=lambda number: 74 + number * 37 % 11, spread=figure.width + 5, root=figure.top + 4)


def _locs_before(figure: Figure) -> None:
    top = figure.top
    _locs(figure, ends=lambda number: top + 8.5 + abs(number - 5) ** 1.8, spread=figure.width - 0.5, root=top - 1.5)


def _pixie(figure: Figure) -> None:
    width, top = figure.width, figure.top
    _cap(figure, 3, [(50 + width, 50), (48 + width, 39), (62, top + 11), (54, top + 13), (50 - width, 47)], EYES + 4)


def _beanie(figure: Figure) -> None:
    canvas, width, top, dark = figure.canvas, figure.width, figure.top, mixed(figure.hair, INK, 0.22)
    canvas.blob(both((0, top - 6), (width, top + 3), (width + 1.5, 33), (0, 37)), figure.hair)
    canvas.disc(50, top - 6.5, 4, dark)
    canvas.blob(both((0, 27), (width + 2, 29), (width + 2.5, 34), (0, 36.5)), dark)


def _scarf_behind(figure: Figure) -> None:
    width, top = figure.width, figure.top
    half: list[Point] = [(0, top - 5), (width - 1, top + 1), (width + 6, 42), (width + 6, 78), (0, 88)]
    figure.canvas.blob(both(*half), mixed(figure.hair, INK, 0.18))


def _scarf_before(figure: Figure) -> None:
    canvas, low, top = figure.canvas, figure.low, figure.top
    for side in (-1, 1):
        x = MIDDLE + side * figure.width
        outer: list[Point] = [
            (x - side * 3, top + 1.5),
            (x + side * 4, 40),
            (x + side * 4, 56),
            (x - side * 5, low + 4),
        ]
        inner: list[Point] = [
            (x - side * 6.5, low - 5),
            (x - side * 1.5, 52),
            (x - side * 2.5, 36),
            (x - side * 9, top + 8),
        ]
        canvas.blob([(50, top - 4.5), *outer, (50, low + 6), (50, low - 1), *inner, (50, top + 6)], figure.hair)
    canvas.blob(
        [(38, low - 1), (50, low + 2), (62, low - 1), (72, low + 14), (54, low + 21), (30, low + 16)], figure.hair
    )
    canvas.stroke([(61, low + 2), (52, low + 11), (37, low + 15)], 1.2, mixed(figure.hair, INK, 0.18))


def _turban(figure: Figure) -> None:
    canvas, top, dark = figure.canvas, figure.top, mixed(figure.hair, INK, 0.16)
    for side in (-1, 1):  # the second half lies over the first
        x = MIDDLE + side * figure.width
        outer: list[Point] = [
            (x + side * 2, 37),
            (x + side * 5, 27),
            (x + side * 2.5, top - 1),
            (50 + side * 9, top - 8),
        ]
        inner: list[Point] = [(50 - side * 9, top + 2), (50 - side * 3, 27), (50 + side * 8, 29.5), (x - side * 2, 35)]
        canvas.blob([*outer, (50 - side * 4, top - 7), *inner], figure.hair)
        canvas.stroke([(50 - side * 5, 25), (50 + side * 4, 21), (x + side * 3, 24)], 1.1, dark)
        canvas.stroke([(50 - side * 8, 19), (50 + side * 3, 14.5), (x + side * 2, 17)], 1.1, dark)


_Layer = Callable[[Figure], None]
HAIR: Mapping[Hair, tuple[_Layer, _Layer]] = {
    "bald": (_nothing, _nothing),
    "buzz": (_nothing, _buzz),
    "short": (_nothing, _short),
    "quiff": (_nothing, _quiff),
    "curls": (_nothing, _curls),
    "receding": (_nothing, _receding),
    "afro": (_round_behind, _round_before),
    "bob": (_bob, _fringe),
    "swept": (_bob, _swept),
    "long": (_long, _parted),
    "fringe": (_long, _fringe),
    "waves": (_waves, _swept),
    "bun": (_bun, _combed),
    "ponytail": (_tail, _combed),
    "plaits": (_nothing, _plaits),
    "locs": (_locs_behind, _locs_before),
    "pixie": (_nothing, _pixie),
    "beanie": (_nothing, _beanie),
    "headscarf": (_scarf_behind, _scarf_before),
    "turban": (_nothing, _turban),
}
"""Behind and before, by the look's hair."""
