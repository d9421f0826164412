"""Texts of a profile: what is kept of any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis.strategies import characters, sampled_from, text

from control_plane.accounts.profile_text import InvalidProfile, one_line, several_lines, website

DANGEROUS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200e\u200f\u061c\ufeff\u00ad\0\x1b\x7f\x85"
ANY = text(characters() | sampled_from(DANGEROUS + "\r\n\t\u2028 \u200d\u0335"))


@given(ANY)
def test_what_is_kept_is_visible_and_stable(sent: str) -> None:
    for clean in (one_line, several_lines):
        kept = clean(sent)
        assert set(kept).isdisjoint(DANGEROUS)
        shown = kept.replace("\u200d", "").replace("\u200c", "").replace("\n", "")
        assert not any(unicodedata.category(character).startswith("C") for character in shown)
        assert clean(kept) == kept
    assert "\n" not in one_line(sent)
    assert "\n\n\n" not in several_lines(sent)


@pytest.mark.parametrize(
    "kept", ["Ann O'Neill-Łęcka", "प्रिया शर्मा", "علی‌رضا", "👩‍👩‍👧‍👦 ❤️ 🏳️‍🌈", "محمد", "Nguyễn", "a_b@c #1"]
)
def test_names_of_the_world_are_kept(kept: str) -> None:
    assert one_line(kept) == several_lines(kept) == unicodedata.normalize("NFC", kept)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("", ""),
        ("example.com", "https://example.com"),
        ("http://Example.com/a?b=c#d", "http://Example.com/a?b=c#d"),
        ("www.example.com:8443/ä", "https://www.example.com:8443/ä"),
        ("\u200bexample.com", "https://example.com"),
    ],
)
def test_a_website(sent: str, kept: str) -> None:
    assert website(sent) == kept


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "javascript:alert(1)",
            "JaVaScRiPt://x.com/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "mailto:a@b.com",
        ),
        *("https://", "https://x", "http://.", "http://user:pass@x.com", "https://x.com@evil.com", "https://[x.com"),
        *("x .com", "https://x.com/a b", "java\tscript:alert(1)", "//x.com:y", "https:x.com", "x.com:port"),
    ],
)
def test_what_is_no_website(sent: str) -> None:
    with pytest.raises(InvalidProfile, match="must be an address"):
        website(sent)
