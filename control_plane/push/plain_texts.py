"""The texts of push messages without an inbox: the product's name, and the text of the cause."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.push.model import Text


class PlainTexts:
    def __init__(self, product_name: str) -> None:
        self._product_name = product_name

    def render(self, kind: str, params: Mapping[str, str | int], language: str) -> Text:
        return Text(title=self._product_name, body=str(params.get("text", "")) or "There is something new for you.")
