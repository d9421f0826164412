"""Posting a video from an upload that is on disk, and editing what its owner says about it.

The upload is probed, its original is stored, and one transaction writes the video and enqueues the job that makes its
files. Equal uploads share one content, which is stored and processed once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind, present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.locks import lock_names
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.retention import delete_posts_of_video
from control_plane.inbox.telling import tell
from control_plane.storage.files import Files, Measured
from control_plane.storage.model import FileName
from control_plane.videos import posting_store as store
from control_plane.videos.processing.job import enqueue
from control_plane.videos.processing.model import NotAVideo, Probed
from control_plane.videos.processing.probe import probe
from control_plane.videos.processing_store import begin_again, mentioned
from control_plane.videos.store import seen_by_ids
from control_plane.videos.tags import hashtags_in, mentions_in
from control_plane.videos.tags_store import GivenPlace, place_id, set_hashtags, set_mentions
from control_plane.videos.uploads.limits import TooManyVideos, UploadLimits
from control_plane.videos.uploads.model import ResumableUpload, UploadMissing
from control_plane.videos.uploads.resumable import ResumableUploads
from control_plane.videos.video import ContentId, Privacy, VideoId, VideoNotFound

ORIGINALS = "originals"
"""The kind of the stored uploads."""
PROBES = 4
"""Uploads that are probed at once; others wait. More: their processes take processor and memory from the server. Fewer: an
upload waits for one that takes long."""
PROBES_OF_ONE = 2
"""Of these of one user. More: one who sends files that take long to read holds up the uploads of all others."""
REPEATED_WITHIN = dt.timedelta(minutes=10)
"""The same file with the same fields is the first video again if it begins to arrive within this time: the answer was lost.
Longer: a user who posts a video twice on purpose has one. Shorter: an app that was offline makes a second one."""


class ContentRefused(ControlPlaneError):
    """An operator has removed an equal upload."""

    code = "content_refused"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This video was removed by us and cannot be uploaded again.")


class DuetRefused(ControlPlaneError):
    code = "duet_refused"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The owner of this video does not allow duets with it.")


class _OriginalNeeded(Exception):
    """There is no content of this hash whose files are there or are being made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the owner says about a video. In an edit None stays as it is."""

    description: str | None = None
    privacy: Privacy | None = None
    allow_comments: bool | None = None
    allow_duet: bool | None = None
    users: str | None = None
    """Mentioned users, as the apps send them. The description may mention more."""
    hashtags: str | None = None
    place: GivenPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVideo:
    said: Said
    story: bool = False
    sound_id: int | None = None
    """Of a sound that is not there any more: the video has none."""
    duet_of: VideoId | None = None
    duet_layout: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """An upload that is on disk."""

    path: Path
    measured: Measured
    resumable: ResumableUpload | None = None
    """The upload in parts that it was; it is used up by the video."""
    pixels: int = 0
    """Of all frames together, once it is probed."""
    began: float = field(default_factory=time.perf_counter)
    """When its call began, by `time.perf_counter`."""


class Posting:
    def __init__(self, database: Database, files: Files, limits: UploadLimits, resumable: ResumableUploads) -> None:
        self._database = database
        self._files = files
        self._limits = limits
        self._resumable = resumable
        self._probes = asyncio.Semaphore(PROBES)
        self._probes_of: WeakValueDictionary[UserId, asyncio.Semaphore] = WeakValueDictionary()

    async def admit(self, user_id: UserId, size: int) -> None:
        """Whether the user may begin to send a file of this size. A user who has just posted a video is admitted at the limit,
        too: the file may be the same one again, which counts nothing. `post` decides. Raises TooManyVideos and
        NoRoomForUploads."""
        try:
            await self._limits.admit(user_id, size)
        except TooManyVideos:
            if not await store.has_posted(self._database, user_id, REPEATED_WITHIN):
                raise

    async def post(self, user_id: UserId, upload: Arrived, video: NewVideo) -> VideoId:
        """Returns when the original is stored and the video is in the database, to be processed. The same call again returns
        the same video. Raises TooManyVideos, ContentRefused, DuetRefused, VideoNotFound, NotAVideo, ProbeUnavailable,
        StorageUnavailable and FileDeletedMeanwhile."""
        repeated = await self._repeated(self._database, user_id, upload, video)
        if repeated is not None:
            return repeated
        await self._check(user_id, upload, video)
        await self._limits.check(user_id, upload.measured.size)
        try:
            probed, _ = await asyncio.gather(self._probe(user_id, upload.path), asyncio.to_thread(_flush, upload.path))
        except NotAVideo:
            with suppress(TooManyVideos):
                await self._limits.count(self._database, user_id, upload.measured.size)
            raise
        upload = replace(upload, pixels=probed.pixels)
        try:
            return await self._write(user_id, upload, video, FileName(""))
        except _OriginalNeeded:
            async with self._original(user_id, upload) as original:
                return await self._write(user_id, upload, video, original)

    async def post_resumable(self, user_id: UserId, upload_id: str, video: NewVideo) -> VideoId:
        """Post an upload in parts. An upload that was posted before returns its video, as long as that is there. One that is no
        video, or refused, is deleted. Raises what `post` does, UploadMissing and UploadUnfinished."""
        try:
            async with self._resumable.taken(user_id, upload_id) as (path, upload):
                sha256 = present(upload.sha256, "a complete upload has its hash")
                try:
                    return await self.post(user_id, Arrived(path, Measured(upload.size, sha256), upload), video)
                except (NotAVideo, ContentRefused):  # kept, it would be one of the user's open uploads for a day
                    await self._resumable.drop(upload)
                    raise
        except UploadMissing:
            posted = await store.posted(self._database, user_id, _request(upload_id))
            if posted is None:
                raise
            return posted

    async def edit(self, user_id: UserId, video_id: VideoId, said: Said) -> None:
        """Raises VideoNotFound."""
        values = (said.description, said.privacy, said.allow_comments, said.allow_duet, said.place)
        async with self._database.transaction() as connection:
            await store.lock_owner(connection, user_id)  # `tell` locks it, too, but after the video
            description = await store.edit(connection, user_id, video_id, *values)
            if description is None:
                raise VideoNotFound
            if said.privacy not in (None, Privacy.PUBLIC):
                await delete_posts_of_video.enqueue(connection, video_id=video_id)
            if said.description is not None or said.hashtags is not None:
                await set_hashtags(connection, video_id, hashtags_in(said.hashtags or "", description))
            if said.description is not None or said.users is not None:
                new = await set_mentions(connection, video_id, user_id, mentions_in(said.users or "", description))
                told = set(new).intersection(await mentioned(connection, video_id)) if new else ()
                await tell(connection, Told(Kind.MENTION, user_id, video_id=video_id, text=description), sorted(told))

    async def _probe(self, user_id: UserId, path: Path) -> Probed:
        """Raises NotAVideo and ProbeUnavailable."""
        of_user = self._probes_of.setdefault(user_id, asyncio.Semaphore(PROBES_OF_ONE))
        async with of_user, self._probes:
            return await probe(path)

    @asynccontextmanager
    async def _original(self, user_id: UserId, upload: Arrived) -> AsyncIterator[FileName]:
        """The stored upload. It is deleted if no content uses it at the exit."""
        name = await self._files.add(
            ORIGINALS, upload.path, "bin", owner=user_id, public=False, measured=upload.measured
        )
        try:
            yield name
        finally:
            with suppress(DatabaseUnavailable):  # a nightly job deletes it then
                await self._files.discard(name)

    async def _check(self, user_id: UserId, upload: Arrived, video: NewVideo) -> None:
        if await store.is_refused(self._database, upload.measured.sha256):
            raise ContentRefused
        if video.duet_of is not None:
            if not await seen_by_ids(self._database, user_id, [video.duet_of]):
                raise VideoNotFound
            if not await store.may_duet(self._database, video.duet_of, user_id):
                raise DuetRefused

    async def _repeated(
        self, source: Connection | Database, user_id: UserId, upload: Arrived, video: NewVideo
    ) -> VideoId | None:
        """The video that the same form has posted. An upload in parts is posted once, so it is none."""
        if upload.resumable is not None:
            return None
        within = REPEATED_WITHIN + dt.timedelta(seconds=time.perf_counter() - upload.began)
        return await store.just_posted(source, user_id, _request_of(upload, video), within)

    async def _write(self, user_id: UserId, upload: Arrived, video: NewVideo, original: FileName) -> VideoId:
        """`original`: "" while it is not stored. Raises _OriginalNeeded."""
        said, place = video.said, video.said.place or GivenPlace()
        description = said.description or ""
        async with self._database.transaction() as connection:
            await lock_names(connection, f"posts/{user_id}")  # the same call may be here at the same moment
            repeated = await self._repeated(connection, user_id, upload, video)
            if repeated is not None:
                return repeated
            await self._limits.count(connection, user_id, upload.measured.size)
            content_id = await self._content(connection, upload, original)
            video_id = await store.add(
                connection,
                user_id,
                content_id,
                description,
                said.privacy or Privacy.PUBLIC,
                said.allow_comments is not False,
                said.allow_duet is not False,
                video.story,
                video.sound_id,
                video.duet_of,
                video.duet_layout,
                await place_id(connection, place),
                place.latitude,
                place.longitude,
                _request_of(upload, video),
            )
            await set_hashtags(connection, video_id, hashtags_in(said.hashtags or "", description))
            await set_mentions(connection, video_id, user_id, mentions_in(said.users or "", description))
            if upload.resumable is not None:
                await self._resumable.use(connection, upload.resumable)
            await enqueue(connection, content_id)
        return video_id

    async def _content(self, connection: Connection, upload: Arrived, original: FileName) -> ContentId:
        """The content of this upload, locked until the commit. Raises _OriginalNeeded and ContentRefused."""
        sha256, size = upload.measured.sha256, upload.measured.size
        content = await store.lock_content(connection, sha256)
        if await store.is_refused(connection, sha256):  # after the lock, which an operator's removal holds
            raise ContentRefused
        if content is None and original:
            added = await store.add_content(connection, sha256, original, size, upload.pixels)
            if added is not None:
                await self._use(connection, added, original)
                return added
            content = await store.lock_content(connection, sha256)
        if content is not None and (content.state == "ready" or (content.state == "processing" and content.original)):
            return content.id
        if content is None or not original:
            raise _OriginalNeeded
        await begin_again(connection, content.id, original)
        await self._use(connection, content.id, original)
        return content.id

    async def _use(self, connection: Connection, content_id: ContentId, original: FileName) -> None:
        await self._files.use(connection, f"video_content/{content_id}/original", {original})


def _request_of(upload: Arrived, video: NewVideo) -> bytes:
    if upload.resumable is not None:
        return _request(upload.resumable.id)
    return _request(upload.measured.sha256, video)


def _request(*of: object) -> bytes:
    """The hash of a call, by what is the same when it is repeated."""
    return hashlib.sha256(msgspec.json.encode(of)).digest()


def _flush(path: Path) -> None:
    """Write the upload to the disk while it is probed: where its file is only linked, it need not be written again."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
