"""What the apps show at their start: sliders, interests to choose from, the licence text."""

from __future__ import annotations

from api.sections.misc import interests, license, sliders

SECTIONS = (sliders.section, interests.section, license.section)
