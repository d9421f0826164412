"""What operators edit for the apps: sliders and interests."""

from __future__ import annotations

import msgspec

from api.http.urls import Urls
from api.wire.values import Id, Url
from control_plane.content.model import InterestSection as StoredSection
from control_plane.content.model import Slider


class AppSlider(msgspec.Struct, frozen=True, kw_only=True):
    """A picture on the app's start page."""

    id: str = ""
    """A number as text."""
    image: Url = ""
    url: Url = ""
    """What a tap opens."""


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    title: str = ""
    interest_section_id: Id = 0
    icon: Url = ""


class InterestSection(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    title: str = ""


def slider_view(slider: Slider, urls: Urls) -> AppSlider:
    return AppSlider(id=str(slider.id), image=urls.slider_picture(slider.picture), url=slider.url)


def section_view(section: StoredSection) -> InterestSection:
    return InterestSection(id=section.id, title=section.title)


def interest_views(section: StoredSection) -> list[Interest]:
    return [Interest(id=one.id, title=one.title, interest_section_id=section.id) for one in section.interests]
