"""How long the texts of a push message may be."""

from __future__ import annotations

TITLE, BODY, IMAGE = 100, 240, 300
"""Characters. Longer: a message is over the limit of a service and is refused: FCM takes 4096 bytes, with the texts in
them twice, browsers 3993 bytes."""


def cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
