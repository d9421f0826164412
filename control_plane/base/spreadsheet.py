"""Texts in CSV files, which are opened with spreadsheets."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(text: str) -> str:
    """A spreadsheet calculates a text that begins like a formula. An apostrophe in front makes it text."""
    return f"'{text}" if text.startswith(_FORMULA) else text
