"""Operators edit the catalogue of gifts. What was sent before keeps its title, price and picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import GiftId
from control_plane.db.connections import Connection
from control_plane.gifts import editing_store
from control_plane.pictures.artwork import read_artwork
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from control_plane.storage.model import FileName, is_stored

LONGEST_TITLE = 40
"""Characters. Longer: apps cut the title below the picture."""
LARGEST_PRICE = 10_000_000
"""Coins. Larger: the most that one call sends is more than a transfer may move."""
LONGEST_TIME_S = 60
PICTURES = "gifts"
"""Kind of stored files."""
SEPARATOR = "====="
"""An app separates the parts of a chat line about a gift with it."""


class InvalidGift(ControlPlaneError):
    code = "invalid_gift"
    kind = ErrorKind.STOPS


class GiftNotFound(ControlPlaneError):
    code = "gift_not_found"
    kind = ErrorKind.STOPS

    def __init__(self, gift_id: GiftId) -> None:
        super().__init__(f"There is no gift {gift_id}. `stagedoor catalogue gifts list` lists them.")


class Editing:
    """Adds and changes gifts of the catalogue, in the caller's transaction. `values` are columns of `gift`; those that are
    left out stay as they are."""

    def __init__(self, files: Files, pictures: Pictures) -> None:
        self._files = files
        self._pictures = pictures

    async def picture(self, path: Path) -> FileName:
        """Check a picture and store it. The gift that gets it keeps it. Raises PictureRefused and StorageUnavailable."""
        artwork = await read_artwork(path, self._pictures)
        return await self._files.add(PICTURES, artwork.content, artwork.extension, owner=None)

    async def add(self, connection: Connection, values: Mapping[str, Any]) -> GiftId:
        """Raises InvalidGift and FileDeletedMeanwhile."""
        gift_id = await editing_store.add(connection, _checked(values))
        await self._keep_pictures(connection, gift_id)
        return gift_id

    async def edit(self, connection: Connection, gift_id: GiftId, values: Mapping[str, Any]) -> None:
        """Raises InvalidGift, GiftNotFound and FileDeletedMeanwhile."""
        if not await editing_store.edit(connection, gift_id, _checked(values)):
            raise GiftNotFound(gift_id)
        await self._keep_pictures(connection, gift_id)

    async def set_active(self, connection: Connection, gift_id: GiftId, *, active: bool) -> None:
        """Offer the gift, or retire it. Raises GiftNotFound."""
        if not await editing_store.set_active(connection, gift_id, active=active):
            raise GiftNotFound(gift_id)

    async def _keep_pictures(self, connection: Connection, gift_id: GiftId) -> None:
        used = [FileName(name) for name in await editing_store.pictures(connection, gift_id) if is_stored(name)]
        await self._files.use(connection, f"gift/{gift_id}", used)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(values)
    if "title" in values:
        values["title"] = _title(values["title"])
    if not 1 <= values.get("coins", 1) <= LARGEST_PRICE:
        raise InvalidGift(f"A gift costs 1 to {LARGEST_PRICE:,} coins.")
    if not 0 <= values.get("time_s", 0) <= LONGEST_TIME_S:
        raise InvalidGift(f"The animation of a gift takes 0 to {LONGEST_TIME_S} seconds.")
    return values


def _title(title: str) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= LONGEST_TITLE or not title.isprintable():
        raise InvalidGift(f"The title of a gift has 1 to {LONGEST_TITLE} printable characters.")
    if SEPARATOR in title:
        raise InvalidGift(
            f"The title of a gift must not contain {SEPARATOR}: an app separates the parts of a line with it."
        )
    return title
