"""Which comments have a blocked word."""

from __future__ import annotations

import time

import pytest

from control_plane.videos.comments.words import BlockedWords

WORDS = BlockedWords(["Spam", " buy now ", "café", "пример", "広告", "", "!"])


@pytest.mark.parametrize(
    "text",
    [
        *("spam", "SPAM!", "no (spam)", "sp\N{ZERO WIDTH SPACE}am", "s\N{COMBINING DIAERESIS}pam"),
        "\N{FULLWIDTH LATIN SMALL LETTER S}pam",
        *("Buy, now", "buy\n now", "CAFE", "cafe\N{COMBINING ACUTE ACCENT}", "Пример.", "これは広告です"),
    ],
)
def test_a_blocked_word_is_found(text: str) -> None:
    assert WORDS.are_in(text)


@pytest.mark.parametrize("text", ["", "spammer", "buy it now", "now buy", "примеры", "!", "広 告", "Great!"])
def test_other_words_are_not(text: str) -> None:
    assert not WORDS.are_in(text)


def test_without_words_nothing_is_blocked() -> None:
    assert not BlockedWords([]).are_in("spam")


def test_many_words_cost_little() -> None:
    words = BlockedWords(f"word{n} and more" for n in range(20_000))
    began = time.process_time()
    assert words.are_in("a " * 2_000 + "word19999 and more")
    assert time.process_time() - began < 2
