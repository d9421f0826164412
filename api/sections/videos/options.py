"""What the owner of a video sets about it, as each app spells it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from api.contract.request import as_text

_PRIVACIES = {"friend": "friends", "everyone": "public", "only me": "private", "onlyme": "private", "me": "private"}


def _privacy(value: Any) -> Any:
    text = as_text(value)
    return _PRIVACIES.get(text.lower(), text.lower()) if isinstance(text, str) else text


PrivacyType = Annotated[
    Literal["", "public", "friends", "private"], msgspec.Meta(description="in any case", extra={"read": _privacy})
]
