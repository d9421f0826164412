from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from control_plane.payments.stores.google.play import GooglePlay, open_google
from tests.local_google_play import ADDRESS, LocalGooglePlay, local_google_play


@pytest.fixture
async def google() -> AsyncIterator[LocalGooglePlay]:
    async with local_google_play() as play:
        yield play


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def store(google: LocalGooglePlay, session: aiohttp.ClientSession) -> GooglePlay:
    store = open_google(google.settings(), session, ADDRESS)
    assert store is not None
    return store
