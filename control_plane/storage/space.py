"""Disk space for uploads, and for what is made of them: they are refused before the disk is so full that the database or
the server fails.

Work of the server reserves what it will write (`room`). What clients send does not, because slow ones would keep the space
from all others: there must be room for it when it begins, and again at each write.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from control_plane.base.errors import ControlPlaneError, ErrorKind


class NoRoomForUploads(ControlPlaneError):
    code = "no_room_for_uploads"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The server cannot store uploads at the moment. Please try again later.")


class Reservation:
    """Space that one piece of work may still take."""

    def __init__(self, space: Space, size: int) -> None:
        self._space = space
        self.left = 0
        self._change(size)

    def written(self, size: int) -> None:
        """What is written is no longer free, so it need not be reserved."""
        self._change(-min(size, self.left))

    def end(self) -> None:
        self._change(-self.left)

    def _change(self, by: int) -> None:
        self.left += by
        self._space.reserved += by


class Space:
    """Of the disk of `folder`, at least `reserve` bytes stay free."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self.reserved = 0
        """By the work of this process: what it has not written yet."""

    def of(self, folder: Path) -> Space:
        """The space of a folder: this one, if it is on the same disk, whose reservations count together. Blocks."""
        is_same = folder.stat().st_dev == self._folder.stat().st_dev
        return self if is_same else Space(folder, self._reserve)

    async def check(self, size: int) -> None:
        """Whether there is room for so many bytes. Raises NoRoomForUploads."""
        await asyncio.to_thread(self.check_now, size)

    def check_now(self, size: int) -> None:
        """The same in a thread that is about to write them."""
        if shutil.disk_usage(self._folder).free - self.reserved - size < self._reserve:
            raise NoRoomForUploads

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[Reservation]:
        """Raises NoRoomForUploads."""
        await self.check(size)
        reservation = Reservation(self, size)
        try:
            yield reservation
        finally:
            reservation.end()
