"""What is pushed, and the ports through which it gets its text and reaches a device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

DATA = ("user_id", "sender_id", "video_id", "live_streaming_id", "room_id")
"""The params that the apps get as data, beside `type`, `title`, `body`, `image` and `receiver_id`."""


@dataclass(frozen=True, slots=True)
class Push:
    """One cause, told to any number of receivers."""

    kind: str
    """Of the inbox entry, such as `follow`."""
    params: Mapping[str, str | int]
    """What the text is made of; those named in DATA are sent to the apps too."""
    switch: str = ""
    """The column of `push_setting` that lets a user switch this kind off; empty: none does."""
    collapse: str = ""
    """A newer message with this key replaces an older one on the device; empty: each is shown. At most 64 bytes."""


@dataclass(frozen=True, slots=True)
class Text:
    """A push message in the language of its receiver."""

    title: str
    body: str
    image: str = ""
    """An absolute URL, or empty."""
    path: str = "/"
    """The page that a click opens in a browser, such as `/watch/7`."""


class Renderer(Protocol):
    def render(self, kind: str, params: Mapping[str, str | int], language: str) -> Text:
        """`language`: a tag such as `de-DE`, or empty for the default."""
        ...
