"""Texts of entries, by kind and language, and names that try to break them."""

from __future__ import annotations

import pytest

from control_plane.inbox.model import OWN, PUSH_OF_KIND, Kind
from control_plane.inbox.texts import LANGUAGES, LONGEST_NAME, PushTexts, text_of


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(set(Kind) - OWN))
def test_every_kind_has_a_text_in_every_language(kind: Kind, language: str) -> None:
    texts = [text_of(kind, "Ann", language, text=text, others=others) for text in ("", "Rose") for others in (0, 1, 12)]
    for text in texts:
        assert "Ann" in text
        assert not set("{}") & set(text)
    assert texts[0] != texts[1] != texts[2]
    assert "12" in texts[2]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(OWN))
def test_own_matters_have_a_text_that_names_no_one(kind: Kind, language: str) -> None:
    text = text_of(kind, "Ann", language, text="the reason")
    assert text.endswith("the reason")
    assert not {"Ann", "{"} & set(text.split())


def test_a_language_without_texts_gets_the_default() -> None:
    for language in ("", "ja-JP", "zz"):
        assert text_of(Kind.FOLLOW, "Ann", language) == "Ann started following you."
    assert text_of(Kind.FOLLOW, "Ann", "pt-BR") == "Ann começou a seguir você."


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("{text} {who.__class__}", "{text} {who.__class__} started following you."),
        ("Ann\n\n\x00\x1b[31mBank", "Ann [31mBank started following you."),
        ("\N{RIGHT-TO-LEFT OVERRIDE}nnA", "nnA started following you."),
        ("x" * 200, "x" * LONGEST_NAME + " started following you."),
        (" \N{ZERO WIDTH SPACE} ", "A user started following you."),
        ("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}", "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET} started following you."),
    ],
)
def test_names_are_inserted_as_they_are_but_in_one_line(name: str, shown: str) -> None:
    assert text_of(Kind.FOLLOW, name, "en") == shown


def test_a_text_without_its_subject_is_a_sentence() -> None:
    assert text_of(Kind.LIVE, "Ann", "en") == "Ann is live now."
    assert text_of(Kind.LIVE, "Ann", "en", text="Cooking") == "Ann is live now: Cooking"
    assert text_of(Kind.LIVE, "Ann", "fr") == "Ann est en direct."


def test_a_push_is_rendered_for_every_kind() -> None:
    texts = PushTexts("Stagedoor", lambda name: f"https://cdn/{name}")
    for kind in Kind:
        params: dict[str, str | int] = {"name": "Ann", "text": "hi", "picture": "a.png", "live_streaming_id": 7}
        text = texts.render(PUSH_OF_KIND[kind], params, "en")
        assert (text.title, text.body) == (
            ("Ann", "hi") if kind is Kind.MESSAGE else ("Stagedoor", text_of(kind, "Ann", "en", text="hi"))
        )
        assert text.image == "https://cdn/a.png"
        assert text.path == ("/watch/7" if kind is Kind.LIVE else "/inbox")
