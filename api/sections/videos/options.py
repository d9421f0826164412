"""What the owner of a video sets about it, as each app spells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from api.contract.request import as_text


def _spelled(words: Mapping[str, str]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        text = str(value) if isinstance(value, bool) else as_text(value)
        return words.get(text.lower(), text) if isinstance(text, str) else text

    return read


PrivacyType = Annotated[
    Literal["public", "friends", "private"],
    msgspec.Meta(
        description="who sees the video, in any case",
        extra={"read": _spelled({"public": "public", "friends": "friends", "friend": "friends", "private": "private"})},
    ),
]
Truth = Annotated[
    Literal["true", "false"],
    msgspec.Meta(
        description="true or false, or 1 or 0",
        extra={"read": _spelled({"true": "true", "1": "true", "false": "false", "0": "false"})},
    ),
]
