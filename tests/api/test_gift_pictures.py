"""A picture that an operator gave a gift, as the apps get it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api.contract.client import Client
from control_plane.db.pool import Database
from control_plane.gifts.editing import Editing
from control_plane.pictures.pictures import Pictures
from tests.api.sections.posting import posted
from tests.api.whole import whole
from tests.control_plane.pictures.samples import quarters, saved
from tests.control_plane.pictures.test_artwork import SVG


@pytest.mark.parametrize(
    ("content", "kind"), [(SVG.format("<circle r='4'/>").encode(), "svg+xml"), (saved(quarters(), "PNG"), "png")]
)
async def test_apps_load_it_from_the_stored_files(
    dsn: str, database: Database, tmp_path: Path, content: bytes, kind: str
) -> None:
    async with whole(dsn, database, tmp_path) as served:
        file = tmp_path / "picture"
        file.write_bytes(content)
        editing = Editing(served.platform.stored.files, Pictures())
        picture = await editing.picture(file)
        async with database.transaction() as connection:
            gift_id = await editing.add(
                connection,
                {"title": "Moon", "coins": 1, "category": "normal", "picture": picture, "featured": False, "time_s": 3},
            )
        for app in (Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT):
            answer = await posted(served.client, "showGifts", app, json={"id": gift_id})
            (gift,) = (entry["Gift"] for entry in answer["msg"])
            assert urlsplit(gift["image"]).path == f"/media/{picture}"
        async with served.client.get(urlsplit(gift["image"]).path) as response:
            assert (response.status, response.content_type) == (200, f"image/{kind}")
            assert await response.read() == content
            assert "immutable" in response.headers["Cache-Control"]
