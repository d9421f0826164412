"""The pictures and the video of a profile: processed, stored, and written into the user's row. What they replace is
deleted when nothing else uses it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from control_plane.accounts import profile_media_store as store
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.pictures.clips import Clips
from control_plane.pictures.model import Picture
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from control_plane.storage.model import FileName

PICTURES, CLIPS = "pictures", "clips"
"""Kinds of files, which are folders in storage."""
PICTURES_A_DAY, CLIPS_A_DAY = 40, 15
"""Uploads of one user, refused ones included. More: one account keeps a processor busy; fewer: people who try out
pictures are refused."""


class PictureNames(NamedTuple):
    """The variants of a picture in storage. Empty: there is none."""

    full: FileName = FileName("")
    small: FileName = FileName("")
    animated: FileName = FileName("")


class ProfileMedia:
    def __init__(self, database: Database, files: Files, pictures: Pictures, clips: Clips) -> None:
        self._database = database
        self._files = files
        self._pictures = pictures
        self._clips = clips

    async def set_picture(self, user_id: UserId, upload: Path | bytes) -> None:
        """Raises PictureRefused, TooManyPictures, TooManyUploads, StorageUnavailable, FileDeletedMeanwhile and
        UserNotFound."""
        await self._files.count_upload(user_id, PICTURES, PICTURES_A_DAY)
        picture = await self._pictures.process(upload)
        names = await store_picture(self._files, picture, owner=user_id)
        async with self._database.transaction() as connection:
            await use_picture(self._files, connection, user_id, names)

    async def set_video(self, user_id: UserId, upload: Path) -> None:
        """Raises what `set_picture` does."""
        await self._files.count_upload(user_id, CLIPS, CLIPS_A_DAY)
        async with self._clips.encoded(upload) as clip:
            name = await self._files.add(CLIPS, clip, "mp4", owner=user_id)
        async with self._database.transaction() as connection:
            await use_video(self._files, connection, user_id, name)

    async def remove_picture(self, user_id: UserId) -> None:
        """Take the picture away; the video stays. Raises UserNotFound."""
        async with self._database.transaction() as connection:
            await use_picture(self._files, connection, user_id, PictureNames())

    async def remove_animation(self, user_id: UserId) -> None:
        """Take the animated picture away; the others stay. Raises UserNotFound."""
        async with self._database.transaction() as connection:
            pictures = await store.remove_animation(connection, user_id)
            if pictures is None:
                raise UserNotFound
            await self._files.use(connection, f"user/{user_id}/picture", pictures)

    async def remove(self, connection: Connection, user_id: UserId) -> None:
        """Take the pictures and the video away, in the transaction of the cause."""
        await use_picture(self._files, connection, user_id, PictureNames())
        await use_video(self._files, connection, user_id, FileName(""))


async def store_picture(files: Files, picture: Picture, owner: UserId | None) -> PictureNames:
    """Store the variants, which nothing uses yet. Raises StorageUnavailable."""
    return PictureNames(
        full=await files.add(PICTURES, picture.full, "jpg", owner=owner),
        small=await files.add(PICTURES, picture.small, "jpg", owner=owner),
        animated=await files.add(PICTURES, picture.animated, "gif", owner=owner) if picture.animated else FileName(""),
    )


async def use_picture(files: Files, connection: Connection, user_id: UserId, names: PictureNames) -> None:
    """Write the names into the user's row. Raises FileDeletedMeanwhile and UserNotFound."""
    if not await store.set_picture(connection, user_id, *names):
        raise UserNotFound
    await files.use(connection, f"user/{user_id}/picture", set(names) - {""})


async def use_video(files: Files, connection: Connection, user_id: UserId, name: FileName) -> None:
    """Write the name into the user's row. Raises what `use_picture` does."""
    if not await store.set_video(connection, user_id, name):
        raise UserNotFound
    await files.use(connection, f"user/{user_id}/video", {name} - {""})
