"""Hashtags and mentions, as the apps send them."""

from __future__ import annotations

import time

import pytest

from control_plane.videos.tags import MOST_HASHTAGS, MOST_MENTIONS, Mentions, hashtags_in, mentions_in


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ('[{"name":"tag"},{"hashtag":"#Two"}]', ["tag", "two"]),
        ('[["name": "sea"], ["name": "sun"]]', ["sea", "sun"]),
        ('[["name": Optional("sea")]]', ["sea"]),
        ('[["name": "a\\"b"], ["other": "c"]]', ["a"]),
        ("(\n        {\n        name = cool;\n    }\n)", ["cool"]),
        ('["one","two","one"]', ["one", "two"]),
        ('{"name":"alone"}', ["alone"]),
        ([{"name": "list"}], ["list"]),
        ('[{"name":"two words"}]', ["two"]),
        ('[{"name":7},{"name":true},{"name":null},{"name":["x"]}]', []),
        ('[{"name":"cut', []),
        *((nothing, []) for nothing in ("", "[]", "[:]", "[[:]]", "null", "[", "\\", "[[[[", None, "[null]")),
    ],
)
def test_hashtags_of_every_app(sent: object, names: list[str]) -> None:
    assert hashtags_in(sent, "") == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("at the #Sea, with #under_score!", ["sea", "under_score"]),
        ("#हिन्दी #日本。#ไทย #Ünï #café", ["हिन्दी", "日本", "ไทย", "ünï", "café"]),
        ("#a#b ＃full", ["a", "b", "full"]),
        ("we are #1, #-, # alone, #", []),
    ],
)
def test_hashtags_of_a_description(text: str, names: list[str]) -> None:
    assert hashtags_in("", text) == names
    assert hashtags_in(f'[{{"name":"first"}},{{"name":"{names[0] if names else "first"}"}}]', text)[0] == "first"


def test_hashtags_are_few_and_short() -> None:
    assert len(hashtags_in("", " ".join(f"#tag{number}" for number in range(100)))) == MOST_HASHTAGS
    assert [len(name) for name in hashtags_in("", "#" + "x" * 1000)] == [100]


def test_mentions_of_every_app() -> None:
    for sent in ('[{"user_id":"12"},{"user_id":13}]', '[["user_id": 12], ["user_id": "13"]]', [{"user_id": 12}, 13]):
        assert list(mentions_in(sent, "").user_ids) == [12, 13]
    assert mentions_in('[{"user_id":"-1"},{"user_id":"0"},{"user_id":"99999999999"},{"user_id":"٣"}]', "") == Mentions(
        [], []
    )
    assert list(mentions_in('[["name": "Ann"]]', "").usernames) == ["ann"]


def test_mentions_of_a_description() -> None:
    found = mentions_in("", "@Ann. and (@joe.b) write to me@example.com, @@two @ three")
    assert list(found.usernames) == ["ann", "joe.b"]
    assert len(mentions_in("", " ".join(f"@user{number}" for number in range(100))).usernames) == MOST_MENTIONS


@pytest.mark.parametrize("text", ['["name":"' * 1000, '"' * 8000, "\\" * 8000, "a=" * 4000, "[" * 8000, "@a." * 2700])
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    hashtags_in(text, text)
    mentions_in(text, text)
    assert time.process_time() - started < 3
