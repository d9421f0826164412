"""Initial data of a new database: gifts and coin packages, and in development mode five demo users with coins and
videos."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from control_plane.accounts import store as accounts
from control_plane.accounts.user import Identity, NewUser
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.gifts.store import seed_catalogue
from control_plane.ledger.adjustments import adjust
from control_plane.operations.free_coins import DEMO_KEY
from control_plane.payments.store import seed_packages
from control_plane.videos import store as videos
from ffmpeg_fixtures.clips import HEIGHT, WIDTH, Clip, generate

COINS = 10_000
"""Coins of each demo user."""
SAMPLES = "samples"
"""Directory of the clips, below the media directory."""

PEOPLE = (
    NewUser(username="ada", first_name="Ada", last_name="Marlow", email="ada@example.com"),
    NewUser(username="ben", first_name="Ben", last_name="Okafor", email="ben@example.com"),
    NewUser(username="carla", first_name="Carla", last_name="Ruiz", email="carla@example.com"),
    NewUser(username="dev", first_name="Devika", last_name="Nair", email="devika@example.com"),
    NewUser(username="emil", first_name="Emil", last_name="Sørensen", email="emil@example.com"),
)


@dataclass(frozen=True, slots=True)
class SampleVideo:
    """A demo video. File names are relative to the media directory; `title` becomes the name of its sound."""

    title: str
    description: str
    media: str
    thumbnail: str
    preview: str
    duration_ms: int
    width: int
    height: int


_ANY_GIFT = "select exists (select from gift)"
_ANY_PACKAGE = "select exists (select from coin_package)"
_ANY_USER = "select exists (select from app_user)"
_DEMO_PEOPLE = "select user_id from user_identity where provider = 'demo' and subject = any($1::text[])"


async def prepare(
    database: Database, media_dir: Path, progress: Callable[[str], None], *, dev: bool, ffmpeg_setting: str
) -> None:
    """Add the missing initial data. The demo clips are rendered once and kept in `media_dir`."""
    media_dir.mkdir(exist_ok=True)
    await stock(database)
    if dev:
        clips = await generate(media_dir / SAMPLES, progress, ffmpeg_setting)
        await seed(database, [_sample(clip) for clip in clips])


async def stock(database: Database) -> None:
    """Add gifts and coin packages where there are none, also in production. Existing ones stay as the operator left
    them."""
    async with database.transaction() as connection:
        if not await connection.fetchval(_ANY_GIFT):
            await seed_catalogue(connection)
        if not await connection.fetchval(_ANY_PACKAGE):
            await seed_packages(connection)


async def seed(database: Database, samples: Sequence[SampleVideo]) -> None:
    """Add demo users and videos to an empty database, and credit each demo user's coins once."""
    async with database.transaction(deadline_s=30) as connection:
        if not await connection.fetchval(_ANY_USER):
            for person, sample in zip(PEOPLE, samples, strict=True):
                await _video(connection, await _person(connection, person), person.username, sample)
        people = [row["user_id"] for row in await connection.fetch(_DEMO_PEOPLE, [p.username for p in PEOPLE])]
    await asyncio.gather(*(adjust(database, user_id, COINS, key=DEMO_KEY) for user_id in people))


async def _person(connection: Connection, person: NewUser) -> UserId:
    return await accounts.create(
        connection, person, [Identity("dev", person.username), Identity("demo", person.username)]
    )


async def _video(connection: Connection, user_id: UserId, username: str, sample: SampleVideo) -> None:
    sound_id = await videos.add_sound(
        connection,
        name=sample.title,
        audio=sample.media,
        picture=sample.thumbnail,
        duration_ms=sample.duration_ms,
        uploaded_by=username,
    )
    await videos.add_video(
        connection,
        user_id=user_id,
        description=sample.description,
        media=sample.media,
        thumbnail=sample.thumbnail,
        preview=sample.preview,
        sound_id=sound_id,
        duration_ms=sample.duration_ms,
        width=sample.width,
        height=sample.height,
    )


def _sample(clip: Clip) -> SampleVideo:
    return SampleVideo(
        title=clip.title,
        description=clip.description,
        media=f"{SAMPLES}/{clip.media}",
        thumbnail=f"{SAMPLES}/{clip.thumbnail}",
        preview=f"{SAMPLES}/{clip.preview}",
        duration_ms=clip.duration_ms,
        width=WIDTH,
        height=HEIGHT,
    )
