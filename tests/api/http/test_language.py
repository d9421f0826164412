"""The preferred language of a client, and the country in it."""

from __future__ import annotations

import pytest

from api.http.language import preferred_language, region_of


@pytest.mark.parametrize(
    ("header", "language", "region"),
    [
        ("de-DE,de;q=0.9,en;q=0.8", "de-DE", "DE"),
        ("en", "en", ""),
        (" pt-BR ", "pt-BR", "BR"),
        ("zh-Hant-TW;q=1", "zh-Hant-TW", "TW"),
        ("zh-Hant", "zh-Hant", ""),
        ("es-419, es", "es-419", ""),
        ("*", "", ""),
        ("", "", ""),
        ("x" * 5000, "", ""),
        ("de-" + "a" * 5000, "", ""),
        ("de\0DE", "de", ""),
        ("<script>", "", ""),
    ],
)
def test_the_first_language_counts(header: str, language: str, region: str) -> None:
    assert preferred_language({"Accept-Language": header}) == language
    assert region_of(language) == region


def test_a_client_may_say_nothing() -> None:
    assert preferred_language({}) == ""
