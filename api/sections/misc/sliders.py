"""The pictures of the apps' start page."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Nothing, Section
from api.http.urls import Urls
from api.wire.content import AppSlider, slider_view
from control_plane.content.model import Slider

section = Section("misc")


class SliderEntry(msgspec.Struct, frozen=True):
    app_slider: AppSlider = field(name="AppSlider")


@section.endpoint("showAppSlider", access=Access.OPEN)
async def show_app_slider(call: Call, body: Nothing) -> list[SliderEntry]:
    """The pictures of the app's start page, in the order in which it shows them."""
    return _sliders(await call.content.sliders.get(), call.urls)


def _views(sliders: Sequence[Slider], urls: Urls) -> list[SliderEntry]:
    return [SliderEntry(slider_view(slider, urls)) for slider in sliders]


_sliders = EncodedOnce(_views)
