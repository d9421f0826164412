"""The content that endpoints show. It is cached, because every app asks for it at every start and it rarely changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from control_plane.content import store
from control_plane.content.model import InterestSection, Slider
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered


@dataclass(frozen=True, slots=True)
class Content:
    sliders: Remembered[Sequence[Slider]]
    interest_sections: Remembered[Sequence[InterestSection]]
    licence: Remembered[str]


def content(database: Database) -> Content:
    return Content(
        sliders=Remembered(partial(store.sliders, database)),
        interest_sections=Remembered(partial(store.interest_sections, database)),
        licence=Remembered(partial(store.licence, database)),
    )
