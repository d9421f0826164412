"""Sliders, interests and the licence text, and how editing them fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from control_plane.base.errors import ControlPlaneError, ErrorKind

LONGEST_TITLE = 60
"""Characters of a title of an interest or a section, which the apps show on a button."""


class UnknownInterest(ControlPlaneError):
    code = "unknown_interest"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("One of these interests does not exist any more. Please choose again.")


class ContentNotFound(ControlPlaneError):
    """The slider, interest or section to edit does not exist."""

    code = "content_not_found"
    kind = ErrorKind.NOT_FOUND


class InvalidContent(ControlPlaneError):
    code = "invalid_content"
    kind = ErrorKind.REFUSED


@dataclass(frozen=True, slots=True)
class Slider:
    """A picture on the start page of the apps."""

    id: int
    picture: str
    """A file name in `artwork/`, or an absolute URL."""
    url: str
    """What a tap opens. Empty: nothing."""
    position: int


@dataclass(frozen=True, slots=True)
class Interest:
    id: int
    title: str


@dataclass(frozen=True, slots=True)
class InterestSection:
    id: int
    title: str
    interests: Sequence[Interest]


def pictures() -> Sequence[str]:
    """The file names of the pictures that come with the server."""
    folder = resources.files(__package__).joinpath("artwork")
    return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".png"))


def check_picture(picture: str) -> None:
    """Raises InvalidContent."""
    if not _is_web_address(picture) and picture not in pictures():
        raise InvalidContent(
            f"The picture must be an https:// address, or one of {', '.join(pictures())}, which come with the server."
        )


def check_url(url: str) -> None:
    """Raises InvalidContent."""
    if url and not _is_web_address(url):
        raise InvalidContent("The address that a tap opens must begin with https:// or http://.")


def checked_title(title: str) -> str:
    """The title without outer blanks. Raises InvalidContent."""
    title = " ".join(title.split())
    if not title or len(title) > LONGEST_TITLE:
        raise InvalidContent(f"A title has 1 to {LONGEST_TITLE} characters.")
    return title


def checked_licence(text: str) -> str:
    """Raises InvalidContent."""
    text = text.strip()
    if not text or "\0" in text:
        raise InvalidContent("The licence text is empty or not text.")
    return text


def _is_web_address(text: str) -> bool:
    scheme, _, rest = text.partition("://")
    return scheme in ("http", "https") and bool(rest) and not any(c.isspace() or c == "\0" for c in text)
