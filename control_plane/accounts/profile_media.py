"""The pictures and the video of a profile: processed, stored, and written into the user's row. What they replace is
deleted when nothing else uses it."""

from __future__ import annotations

from pathlib import Path

from control_plane.accounts import profile_media_store as store
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.pictures.clips import Clips
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from control_plane.storage.model import FileName

PICTURES, CLIPS = "pictures", "clips"
"""Kinds of files, which are folders in storage."""
PICTURES_A_DAY, CLIPS_A_DAY = 40, 15
"""Uploads of one user, refused ones included. More: one account keeps a processor busy; fewer: people who try out
pictures are refused."""


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
        full = await self._files.add(PICTURES, picture.full, "jpg", owner=user_id)
        small = await self._files.add(PICTURES, picture.small, "jpg", owner=user_id)
        animated = FileName("")
        if picture.animated:
            animated = await self._files.add(PICTURES, picture.animated, "gif", owner=user_id)
        async with self._database.transaction() as connection:
            await self._write_picture(connection, user_id, full, small, animated)

    async def set_video(self, user_id: UserId, upload: Path) -> None:
        """Raises what `set_picture` does."""
        await self._files.count_upload(user_id, CLIPS, CLIPS_A_DAY)
        async with self._clips.encoded(upload) as clip:
            name = await self._files.add(CLIPS, clip, "mp4", owner=user_id)
        async with self._database.transaction() as connection:
            await self._write_video(connection, user_id, name)

    async def remove_picture(self, user_id: UserId) -> None:
        """Take the picture away; the video stays. Raises UserNotFound."""
        async with self._database.transaction() as connection:
            await self._remove_picture(connection, user_id)

    async def remove_animation(self, user_id: UserId) -> None:
        """Take the animated picture away; the others stay. Raises UserNotFound."""
        async with self._database.transaction() as connection:
            pictures = await store.remove_animation(connection, user_id)
            if pictures is None:
                raise UserNotFound
            await self._files.use(connection, f"user/{user_id}/picture", pictures)

    async def remove(self, connection: Connection, user_id: UserId) -> None:
        """Take the pictures and the video away, in the transaction of the cause."""
        await self._remove_picture(connection, user_id)
        await self._write_video(connection, user_id, FileName(""))

    async def _remove_picture(self, connection: Connection, user_id: UserId) -> None:
        await self._write_picture(connection, user_id, FileName(""), FileName(""), FileName(""))

    async def _write_picture(
        self, connection: Connection, user_id: UserId, full: FileName, small: FileName, animated: FileName
    ) -> None:
        if not await store.set_picture(connection, user_id, full, small, animated):
            raise UserNotFound
        await self._files.use(connection, f"user/{user_id}/picture", {full, small, animated} - {""})

    async def _write_video(self, connection: Connection, user_id: UserId, name: FileName) -> None:
        if not await store.set_video(connection, user_id, name):
            raise UserNotFound
        await self._files.use(connection, f"user/{user_id}/video", {name} - {""})
