"""Texts of a profile as they are stored: without characters that are invisible, or that change the text around them."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from control_plane.base.errors import ControlPlaneError, ErrorKind

LONGEST_NAME, LONGEST_BIO, LONGEST_WEBSITE, LONGEST_GENDER = 50, 300, 200, 40
MOST_MARKS = 3
"""Combining marks on one letter; further ones are left out, because they draw over the lines above and below."""
_JOINERS = "\u200c\u200d"
"""Emoji and several scripts need them."""
_BLANK = "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and symbols that show nothing: a name of them would look empty."""
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
_SPACES = {"Zs", "Zl", "Zp"}
_IN_NO_URL = re.compile(r"[\s<>\"'`\\^{|}]")


class InvalidProfile(ControlPlaneError):
    """A field of the profile is too long, or cannot be what it should be."""

    code = "invalid_profile"
    kind = ErrorKind.REFUSED


def one_line(text: str) -> str:
    return " ".join(_visible(text).split())


def several_lines(text: str) -> str:
    """Lines are kept, with at most one empty line between two."""
    lines = "\n".join(" ".join(line.split()) for line in _visible(text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def at_most(length: int, what: str, text: str) -> str:
    """Raises InvalidProfile."""
    if len(text) > length:
        raise InvalidProfile(f"{what} may have at most {length} characters.")
    return text


def website(text: str) -> str:
    """An address of the web; `https://` is added where it has no scheme. Raises InvalidProfile."""
    text = one_line(text)
    if not text:
        return ""
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if (
        "." not in host.strip(".")
        or parts.scheme not in {"http", "https"}
        or "@" in parts.netloc
        or _IN_NO_URL.search(url)
    ):
        raise InvalidProfile("The website must be an address such as https://example.com.")
    return at_most(LONGEST_WEBSITE, "The website", url)


def _visible(text: str) -> str:
    kept, marks = [], 0
    for character in unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")):
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} and not "\ufe00" <= character <= "\ufe0f" else 0
        if marks > MOST_MARKS or character in _BLANK:
            continue
        if character == "\n" or character in _JOINERS:
            kept.append(character)
        elif category in _SPACES or character == "\t":
            kept.append(" ")
        elif category not in _UNSEEN:
            kept.append(character)
    return "".join(kept).strip(_JOINERS)
