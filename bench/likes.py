"""Likes at speed: 64 callers who all like one video, against the same callers who like 64 videos of 64 users.

A like is told to the owner by a job, which runs in the same process meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import median

from bench.load import Answers, Load, callers, post
from bench.platform import Platform, platform
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.base.ids import UserId
from tests.control_plane.videos.rows import ADD_VIDEO

CALLERS = 64
HOT = Target(0.5, at_least=True)


async def run(quick: bool) -> None:
    heading("likes", quick)
    rounds, seconds = (3, 1.0) if quick else (7, 3.0)
    async with callers() as calling, platform() as ours:
        step(f"{CALLERS} callers, {CALLERS} owners of a video each")
        tokens, videos = await populate(ours)
        places = {"one video": videos[:1] * CALLERS, f"{CALLERS} videos": videos}
        measured: dict[str, list[Answers]] = {name: [] for name in places}
        for number in range(rounds + 1):
            for name, liked in places.items():
                load = Load(ours.run["http_port"], likes(tokens, liked), CALLERS, seconds, expect=b'"code":200')
                answers = await calling.apply(load)
                if number:  # the first round warms up
                    measured[name].append(answers)
        await check(ours, videos)
    hot, spread = measured.values()
    share = ratio([one.per_s / other.per_s for one, other in zip(hot, spread, strict=True)], HOT)
    rows = [
        [
            name,
            figure(median(one.per_s for one in answers)),
            figure(median(one.quantile_ms(0.99) for one in answers), "ms"),
            str(sum(one.failures for one in answers)),
            share if answers is hot else "",
        ]
        for name, answers in measured.items()
    ]
    table(f"likeVideo, {CALLERS} callers ({HOT})", ["", "calls/s", "p99", "failures", "of 64 videos"], rows)


async def populate(ours: Platform) -> tuple[list[str], list[int]]:
    tokens = [(await ours.sign_in(f"fan{number}"))[1] for number in range(CALLERS)]
    owners = [UserId((await ours.sign_in(f"owner{number}"))[0]) for number in range(CALLERS)]
    database = await ours.open_database()
    try:
        return tokens, [await database.fetchval(ADD_VIDEO, owner) for owner in owners]
    finally:
        await database.close()


def likes(tokens: Sequence[str], videos: Sequence[int]) -> Sequence[bytes]:
    """Each toggles the like of its caller."""
    return [
        post("/api/likeVideo", json.dumps({"video_id": video}).encode(), Authorization=f"Bearer {token}")
        for token, video in zip(tokens, videos, strict=True)
    ]


async def check(ours: Platform, videos: Sequence[int]) -> None:
    """The counts are right."""
    database = await ours.open_database()
    try:
        wrong = await database.fetch(
            "select from video where id = any($1) and (select count(*) from video_like where video_id = video.id)"
            " <> (select coalesce(sum(likes), 0) from video_count where video_id = video.id)",
            videos,
        )
    finally:
        await database.close()
    assert not wrong, f"{len(wrong)} counts are wrong"
