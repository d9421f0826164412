"""`stagedoor content`: what the commands change, what they refuse, and what the audit log says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from control_plane.content import store
from control_plane.content.model import ContentNotFound, InvalidContent
from control_plane.db.pool import Database
from control_plane.operations.audit import latest
from tests.stagedoor.cli.operator import Operator
from tests.stagedoor.cli.typed import typed

PICTURE = "https://cdn.example.com/summer.jpg"


async def acts(database: Database) -> list[tuple[str, str, dict[str, Any]]]:
    """The newest last."""
    return [(entry.act, entry.subject, dict(entry.detail)) for entry in reversed(await latest(database, 50))]


async def test_sliders_are_added_edited_and_removed(operator: Operator, database: Database) -> None:
    slider_id = (await operator.types("content", "sliders", "add", PICTURE, "--url", "https://example.com/")).strip()
    await operator.types("content", "sliders", "edit", slider_id, "--picture", "gifts.png", "--position", "0")
    (head, first, *others) = (await operator.types("content", "sliders", "list")).splitlines()
    assert head.split() == ["id", "position", "picture", "opens"]
    assert first.split() == [slider_id, "0", "gifts.png", "https://example.com/"]
    assert len(others) == 3
    await operator.types("content", "sliders", "edit", slider_id, "--url", "")
    listed = json.loads(await operator.types("content", "sliders", "list", "--json"))
    assert listed[0] == {"id": int(slider_id), "picture": "gifts.png", "url": "", "position": 0}
    for each in listed:
        await operator.types("content", "sliders", "remove", str(each["id"]))
    assert await operator.types("content", "sliders", "list") == "There are no sliders.\n"
    subject = f"slider:{slider_id}"
    assert (await acts(database))[:4] == [
        ("slider.added", subject, {"picture": PICTURE, "url": "https://example.com/"}),
        ("slider.edited", subject, {"picture": "gifts.png", "position": 0}),
        ("slider.edited", subject, {"url": ""}),
        ("slider.removed", subject, {}),
    ]


@pytest.mark.parametrize(
    "wrong",
    ["nothing.png", "../secrets.json", "/etc/passwd", "ftp://example.com/a.png", "javascript:alert(1)", "https://", ""],
)
async def test_a_slider_needs_a_picture_that_apps_can_load(operator: Operator, database: Database, wrong: str) -> None:
    for arguments in (("add", wrong), ("edit", "1", "--picture", wrong)):
        with pytest.raises(InvalidContent, match=r"https:// address, or one of gifts\.png, go_live\.png, welcome\.png"):
            await operator.types("content", "sliders", *arguments)
    if wrong:
        with pytest.raises(InvalidContent, match="must begin with https://"):
            await operator.types("content", "sliders", "add", PICTURE, "--url", wrong)
    assert len(await store.sliders(database)) == 3
    assert await acts(database) == []


async def test_interests_are_added_moved_and_removed(operator: Operator, database: Database) -> None:
    first, second = (
        await operator.types("content", "interests", "add", " Night  life ", "Clubs", "Bars", "Clubs")
    ).split()
    assert await operator.types("content", "interests", "add", "Night life", "Bars") == "", "it is there"
    await operator.types("content", "interests", "edit", second, "--title", "Karaoke", "--section", "Music")
    await operator.types("content", "interests", "remove", "1", "--yes")
    rows = (await operator.types("content", "interests", "list")).splitlines()
    assert rows[0].split() == ["id", "section", "interest"]
    assert f"{first} Night life Clubs".split() in [row.split() for row in rows]
    assert f"{second} Music Karaoke".split() in [row.split() for row in rows]
    assert "1" not in [row.split()[0] for row in rows]
    await operator.types("content", "interests", "remove-section", "Night life", "--yes")
    listed = json.loads(await operator.types("content", "interests", "list", "--json"))
    assert "Night life" not in [section["title"] for section in listed]
    assert await acts(database) == [
        ("interest.added", f"interest:{first}", {"section": "Night life", "title": "Clubs"}),
        ("interest.added", f"interest:{second}", {"section": "Night life", "title": "Bars"}),
        ("interest.edited", f"interest:{second}", {"title": "Karaoke", "section": "Music"}),
        ("interest.removed", "interest:1", {}),
        ("interests.section_removed", "interests", {"section": "Night life"}),
    ]


async def test_interests_are_imported_as_often_as_one_likes(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "interests.json"
    file.write_text(json.dumps({"Music": ["Singing", "Choir"], "Crafts": ["Knitting", "Pottery"]}))
    assert await operator.types("content", "interests", "import", str(file)) == "3 interests added.\n"
    assert await operator.types("content", "interests", "import", str(file)) == "0 interests added.\n"


@pytest.mark.parametrize(
    "content", ["", "[]", '{"Music": "Singing"}', '{"Music": [""]}', '{"": ["x"]}', json.dumps({"a": ["x" * 61]})]
)
async def test_a_file_that_is_no_list_of_interests_changes_nothing(
    operator: Operator, database: Database, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "interests.json"
    file.write_text(content)
    before = await store.interest_sections(database)
    with pytest.raises(InvalidContent):
        await operator.types("content", "interests", "import", str(file))
    assert await store.interest_sections(database) == before


async def test_a_title_is_there_once_in_a_section(operator: Operator, database: Database) -> None:
    (added,) = (await operator.types("content", "interests", "add", "Music", "Choir")).split()
    with pytest.raises(InvalidContent, match="already"):
        await operator.types("content", "interests", "edit", added, "--title", "Singing")
    assert [act for act, *_ in await acts(database)] == ["interest.added"]


async def test_the_licence_is_replaced_from_a_file_and_from_standard_input(
    operator: Operator, database: Database, dsn: str, tmp_path: Path
) -> None:
    assert "MIT licence" in await operator.types("content", "licence", "show")
    file = tmp_path / "licence.txt"
    file.write_text("All rights reserved. ☃\n")
    assert "22 characters" in await operator.types("content", "licence", "import", str(file))
    assert await operator.types("content", "licence", "show") == "All rights reserved. ☃\n"
    result = await typed(
        "content", "licence", "import", "-", answer="Free.\n", LIVE_DATABASE_URL=dsn, LIVE_DATA_DIR=str(tmp_path)
    )
    assert result.exit_code == 0
    assert await store.licence(database) == "Free."
    for wrong in (b"", b"  \n", b"\xff\xfe", b"a\0b"):
        file.write_bytes(wrong)
        with pytest.raises(InvalidContent):
            await operator.types("content", "licence", "import", str(file))
    with pytest.raises(InvalidContent, match="cannot be read"):
        await operator.types("content", "licence", "import", str(tmp_path / "missing"))
    assert await store.licence(database) == "Free."
    assert [act for act, *_ in await acts(database)] == ["licence.changed", "licence.changed"]


async def test_what_does_not_exist_is_told(operator: Operator, database: Database) -> None:
    for arguments, missing in {
        ("sliders", "edit", "99", "--position", "1"): "There is no slider 99.",
        ("sliders", "remove", "99"): "There is no slider 99.",
        ("interests", "edit", "999", "--title", "x"): "There is no interest 999.",
        ("interests", "remove", "999", "--yes"): "There is no interest 999.",
        ("interests", "remove-section", "Nothing", "--yes"): "There is no section “Nothing”.",
    }.items():
        with pytest.raises(ContentNotFound, match=missing):
            await operator.types("content", *arguments)
    assert "Give --picture, --url or --position." in await operator.types("content", "sliders", "edit", "1")
    assert "Give --title or --section." in await operator.types("content", "interests", "edit", "1")
    assert await acts(database) == []


async def test_removing_what_users_chose_is_asked_first(database: Database, dsn: str, tmp_path: Path) -> None:
    settings = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path)}
    for arguments in (("remove", "1"), ("remove-section", "Music")):
        result = await typed("content", "interests", *arguments, answer="n\n", **settings)
        assert result.exit_code == 1
        assert "users who chose" in result.output
    assert len(await store.interest_sections(database)) == 5


async def test_help_says_what_each_command_does() -> None:
    assert "sliders, interests and the licence text" in (await typed("content", "--help")).output
    for group, words in {
        "sliders": ("list", "add", "edit", "remove", "start page"),
        "interests": ("list", "add", "edit", "remove", "remove-section", "import", "users can choose"),
        "licence": ("show", "import"),
    }.items():
        output = (await typed("content", group, "--help")).output
        assert [word for word in words if word not in output] == []
    assert "welcome.png" in (await typed("content", "sliders", "add", "--help")).output
