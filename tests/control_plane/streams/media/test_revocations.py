"""Connections are disconnected as soon as their key is revoked, whatever the media server's listing does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from control_plane.base.ids import StreamId
from control_plane.streams.media.model import Admitted, SourceId
from control_plane.streams.media.revocations import ABREAST, Revocations
from tests.control_plane.streams.fake_media import FakeMedia
from tests.waiting import in_background, until


@pytest.fixture
def media() -> FakeMedia:
    return FakeMedia()


@pytest.fixture
async def revocations(media: FakeMedia) -> AsyncIterator[Revocations]:
    made = Revocations(media, retry_s=0.001)
    async with in_background(made.run()):
        yield made


def connections(number: int) -> list[Admitted]:
    return [Admitted(SourceId(f"a{index}"), "rtmp", 1) for index in range(number)]


async def test_all_are_disconnected(media: FakeMedia, revocations: Revocations) -> None:
    revocations.add(StreamId(1), connections(3 * ABREAST))
    await until(lambda: len(media.kicked_admitted) == 3 * ABREAST)
    assert set(media.kicked_admitted) == set(connections(3 * ABREAST))
    assert media.asked_for == []


async def test_it_is_tried_again_until_the_media_server_answers(media: FakeMedia, revocations: Revocations) -> None:
    answer, failed = media._answer, 0

    def fail_twice() -> None:
        nonlocal failed
        failed += 1
        media.away = failed <= 2
        answer()

    media._answer = fail_twice  # type: ignore[method-assign]
    revocations.add(StreamId(1), connections(1))
    await until(lambda: media.kicked_admitted == connections(1))
    assert failed == 3


async def test_it_is_given_up_and_logged(
    media: FakeMedia, revocations: Revocations, caplog: pytest.LogCaptureFixture
) -> None:
    """Also with more connections than are disconnected at once."""
    media.away = True
    with caplog.at_level(logging.WARNING):
        revocations.add(StreamId(1), connections(2 * ABREAST))
        await until(lambda: len(caplog.messages) == 2 * ABREAST)
    assert set(caplog.messages) == {"publisher_still_connected"}
    media.away = False
    revocations.add(StreamId(2), connections(1))
    await until(lambda: media.kicked_admitted == connections(1))


async def test_one_that_does_not_answer_delays_no_other(media: FakeMedia, revocations: Revocations) -> None:
    kick, hanging = media.kick_admitted, connections(1)[0]

    async def one_hangs(connection: Admitted) -> bool:
        if connection == hanging:
            await asyncio.Event().wait()
        return await kick(connection)

    media.kick_admitted = one_hangs  # type: ignore[method-assign]
    revocations.add(StreamId(1), connections(2 * ABREAST))
    await until(lambda: len(media.kicked_admitted) == 2 * ABREAST - 1)
