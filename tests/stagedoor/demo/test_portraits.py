"""The portraits of the demo users."""

from __future__ import annotations

from typing import get_args

import pytest

from stagedoor.demo.people import PEOPLE
from stagedoor.demo.portraits import look as looks
from stagedoor.demo.portraits.hair import HAIR
from stagedoor.demo.portraits.look import Look
from stagedoor.demo.portraits.portrait import drawn, portrait


def _styles(*kinds: object) -> set[str]:
    return {style for kind in kinds for style in get_args(kind)}


def test_the_same_look_gives_the_same_bytes() -> None:
    moving = next(person.look for person in PEOPLE if person.look.moves)
    assert portrait(moving) == portrait(moving)


def test_no_two_users_look_alike() -> None:
    assert len({person.look for person in PEOPLE}) == len(PEOPLE)


def test_every_kind_of_hair_can_be_drawn() -> None:
    assert HAIR.keys() == _styles(looks.ShortHair, looks.LongHair, looks.CoveredHair)


@pytest.mark.parametrize(
    ("part", "styles"),
    [
        ("hair", _styles(looks.ShortHair, looks.LongHair, looks.CoveredHair)),
        ("backdrop", _styles(looks.Backdrop)),
        ("cloth", _styles(looks.Cloth)),
        ("face", _styles(looks.Face)),
        ("mouth", _styles(looks.Mouth)),
        ("beard", _styles(looks.Beard)),
        ("glasses", _styles(looks.Glasses)),
    ],
)
def test_every_style_shows_in_the_picture(part: str, styles: set[str]) -> None:
    plain = {"skin": "e9b48f", "hair": "buzz", "hair_colour": "5a3825", "cloth": "vee", "cloth_colour": "264653"}
    plain |= {"backdrop": "plain", "backdrop_colour": "ffd166"}
    pictures = {drawn(Look(**{**plain, part: style}), 48).tobytes() for style in styles}  # type: ignore[arg-type]
    assert len(pictures) == len(styles)
