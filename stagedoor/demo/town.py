"""The town of a new database in development mode: 40 users with pictures, videos and coins, who know each other."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from control_plane.accounts import store as accounts
from control_plane.accounts.profile_media import CLIPS, PictureNames, store_picture, use_picture, use_video
from control_plane.accounts.user import Identity, NewUser
from control_plane.base.clock import utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.content import store as content
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger.adjustments import adjust
from control_plane.operations.free_coins import DEMO_KEY
from control_plane.pictures.model import Picture
from control_plane.social import suggestions_store
from control_plane.storage.files import Files
from control_plane.storage.model import FileName, StorageUnavailable
from control_plane.videos import store as videos
from control_plane.videos.video import VideoId
from ffmpeg_fixtures import clips
from stagedoor.demo.opinions import add_opinions
from stagedoor.demo.people import PEOPLE, Person
from stagedoor.demo.portraits.look import Look
from stagedoor.demo.social import SENT_PORTRAITS, add_conversations, add_relations, fill_inboxes, store_sent_picture
from stagedoor.demo.videos import POSTS

COINS = 10_000
"""Coins of each demo user."""
SAMPLES = "samples"
"""Directory of the clips, below the media directory."""
_ANY_USER = "select exists (select from app_user)"
_WITHOUT_COINS = """
    select user_id from user_identity
    where provider = 'demo' and not exists (select from ledger_account where owner_id = user_id)
"""


class DemoPicturesNotStored(ControlPlaneError):
    code = "demo_pictures_not_stored"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__(
            "The pictures of the demo users cannot be stored. Check LIVE_STORAGE_URL and whether the storage answers, "
            "then start the server again."
        )


@dataclass(frozen=True, slots=True)
class _Media:
    """The files of the town in storage."""

    pictures: Mapping[str, PictureNames]
    """By username."""
    clips: Mapping[str, FileName]
    """By slug."""
    sent: Mapping[str, PictureNames]
    """Portraits that are sent in messages, by username."""


async def add_town(database: Database, files: Files, samples: Path) -> None:
    """Add the demo users to an empty database, and credit their coins once. `samples`: the folder of the clips. Raises
    DemoPicturesNotStored."""
    if not await database.fetchval(_ANY_USER):
        try:
            media = await _store_media(files, samples)
        except StorageUnavailable as error:
            raise DemoPicturesNotStored from error
        async with database.transaction(deadline_s=30) as connection:
            people = {person.username: await _add_person(connection, person) for person in PEOPLE}
            await _use_media(connection, files, people, media)
            posts = await _add_videos(connection, people)
            await add_relations(connection, people)
            await add_conversations(connection, files, people, posts, media.sent)
            of_videos = await add_opinions(connection, people, posts)
            await fill_inboxes(connection, people, of_videos)
        await suggestions_store.rank(database)
    uncredited = [UserId(row["user_id"]) for row in await database.fetch(_WITHOUT_COINS)]
    await asyncio.gather(*(adjust(database, user_id, COINS, key=DEMO_KEY) for user_id in uncredited))


async def _store_media(files: Files, samples: Path) -> _Media:
    """Draw and store. Until `_use_media` the files are pending, and are deleted after a day if the start fails."""
    pictures: dict[str, PictureNames] = {}
    sent: dict[str, PictureNames] = {}
    turn = asyncio.Lock()  # Pillow draws with the interpreter's lock: threads at the same time are slower than one

    async def draw(person: Person) -> None:
        async with turn:
            picture = await asyncio.to_thread(_portrait, person.look)
        pictures[person.username] = await store_picture(files, picture, owner=None)
        if person.username in SENT_PORTRAITS:
            sent[person.username] = await store_sent_picture(files, picture)

    try:
        async with asyncio.TaskGroup() as group:
            for person in PEOPLE:
                group.create_task(draw(person), name=f"portrait-{person.username}")
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    used = {person.clip for person in PEOPLE} - {""}
    return _Media(
        pictures,
        {
            clip.slug: await files.add(CLIPS, samples / clip.media, "mp4", owner=None)
            for clip in clips.CLIPS
            if clip.slug in used
        },
        sent,
    )


def _portrait(look: Look) -> Picture:
    # Imported here, because only the first start needs Pillow.
    from stagedoor.demo.portraits.portrait import portrait

    return portrait(look)


async def _add_person(connection: Connection, person: Person) -> UserId:
    new = NewUser(
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        gender=person.gender,
        dob=person.born,
        email=person.email,
    )
    identities = [Identity("dev", person.username), Identity("demo", person.username)]
    user_id = await accounts.create(connection, new, identities)
    await accounts.complete_demo_person(
        connection,
        user_id,
        bio=person.bio,
        website=person.website,
        city=person.city,
        country=person.country,
        verified=person.verified,
        private=person.private,
        created_at=utc_now() - dt.timedelta(days=person.days, minutes=user_id * 47),
    )
    await content.choose_interests_by_title(connection, user_id, person.interests)
    return user_id


async def _use_media(connection: Connection, files: Files, people: Mapping[str, UserId], media: _Media) -> None:
    for person in PEOPLE:
        await use_picture(files, connection, people[person.username], media.pictures[person.username])
        if person.clip:
            await use_video(files, connection, people[person.username], media.clips[person.clip])


async def _add_videos(connection: Connection, people: Mapping[str, UserId]) -> Sequence[VideoId]:
    """In the order of `POSTS`."""
    by_slug = {clip.slug: clip for clip in clips.CLIPS}
    added: list[VideoId] = []
    sounds: dict[str, int] = {}
    for number, post in enumerate(POSTS):
        clip = by_slug[post.clip]
        media, thumbnail, preview = (f"{SAMPLES}/{name}" for name in (clip.media, clip.thumbnail, clip.preview))
        if clip.slug not in sounds:
            sounds[clip.slug] = await videos.add_sound(
                connection,
                name=clip.title,
                audio=media,
                picture=thumbnail,
                duration_ms=clip.duration_ms,
                uploaded_by=post.username,
            )
        video_id = await videos.add_clip(
            connection,
            user_id=people[post.username],
            description=post.description,
            media=media,
            thumbnail=thumbnail,
            preview=preview,
            sound_id=sounds[clip.slug],
            duration_ms=clip.duration_ms,
            width=clip.width,
            height=clip.height,
            views=post.views,
            created_at=utc_now() - dt.timedelta(days=post.days, minutes=number * 29),
        )
        added.append(video_id)
    return added
