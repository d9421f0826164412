"""The cache of a provider's published keys: when it fetches, and what it does while the provider is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from control_plane.accounts.providers.key_set import (
    LARGEST_BYTES,
    LIFETIME_S,
    RETRY_S,
    STALE_S,
    UNKNOWN_S,
    KeySet,
    KeysUnavailable,
)
from tests.local_provider import LocalProvider, ec_key, local_provider, rsa_key
from tests.waiting import until


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def provider() -> AsyncIterator[LocalProvider]:
    async with local_provider() as provider:
        yield provider


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(provider: LocalProvider, clock: Clock) -> KeySet:
    return KeySet(provider.jwks_url, clock=clock)


async def test_keys_are_fetched_once_for_all_and_again_when_they_are_old(
    provider: LocalProvider, keys: KeySet, clock: Clock
) -> None:
    found = await asyncio.gather(*(keys.find("one") for _ in range(20)))
    assert all(key is not None for key in found)
    assert provider.fetches == 1
    clock.now = LIFETIME_S
    await keys.find("one")
    assert provider.fetches == 1
    clock.now = LIFETIME_S + 1
    await keys.find("one")
    assert provider.fetches == 2


async def test_a_new_key_is_fetched_at_once(provider: LocalProvider, keys: KeySet, clock: Clock) -> None:
    await keys.find("one")
    provider.keys = {"two": ec_key("two")}
    clock.now = RETRY_S
    assert await keys.find("two") is not None
    assert await keys.find("one") is None
    assert provider.fetches == 2


async def test_invented_key_ids_cause_few_fetches(provider: LocalProvider, keys: KeySet, clock: Clock) -> None:
    for number in range(500):
        clock.now += 0.01
        assert await keys.find(f"invented {number}") is None
    assert provider.fetches == 1
    clock.now += RETRY_S
    for _ in range(10):
        assert await keys.find("invented 0") is None
    assert provider.fetches == 1
    clock.now += UNKNOWN_S
    assert await keys.find("invented 0") is None
    assert provider.fetches == 2


async def test_known_keys_are_used_while_the_provider_is_away(
    provider: LocalProvider, keys: KeySet, clock: Clock
) -> None:
    await keys.find("one")
    provider.status = 503
    clock.now = LIFETIME_S + 1
    assert await keys.find("one") is not None
    assert await keys.find("one") is not None
    assert provider.fetches == 2, "an attempt for each RETRY_S"
    with pytest.raises(KeysUnavailable):
        await keys.find("two")
    clock.now = STALE_S + 1
    with pytest.raises(KeysUnavailable):
        await keys.find("one")
    provider.status = 200
    clock.now += RETRY_S
    assert await keys.find("one") is not None


async def test_an_unknown_key_id_is_not_remembered_while_the_provider_is_away(
    provider: LocalProvider, keys: KeySet, clock: Clock
) -> None:
    await keys.find("one")
    provider.status = 503
    clock.now = RETRY_S
    with pytest.raises(KeysUnavailable):
        await keys.find("two")
    provider.status, provider.keys["two"] = 200, rsa_key("two")
    clock.now += RETRY_S
    assert await keys.find("two") is not None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "oct"}]}', b" " * (LARGEST_BYTES + 1)],
    ids=lambda body: body[:12].decode() or "empty",
)
async def test_what_is_no_key_set_changes_nothing(
    provider: LocalProvider, keys: KeySet, clock: Clock, body: bytes
) -> None:
    await keys.find("one")
    provider.body = body
    clock.now = LIFETIME_S + 1
    assert await keys.find("one") is not None
    assert provider.fetches == 2


async def test_a_provider_that_hangs_is_given_up(clock: Clock) -> None:
    disconnected = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client disconnects, without an answer
        writer.close()
        await writer.wait_closed()
        disconnected.set()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(KeysUnavailable):
            await KeySet(f"http://127.0.0.1:{port}/keys", clock=clock, deadline_s=0.2).find("one")
        await disconnected.wait()


async def test_known_keys_are_used_at_once_while_the_provider_hangs(provider: LocalProvider, clock: Clock) -> None:
    keys = KeySet(provider.jwks_url, clock=clock)
    await keys.find("one")
    clock.now = LIFETIME_S + 1
    provider.may_answer.clear()
    waiting = asyncio.create_task(keys.find("one"))
    await until(lambda: provider.fetches == 2, what="a fetch")
    assert await keys.find("one") is not None
    assert not waiting.done()
    provider.may_answer.set()
    assert await waiting is not None
    assert provider.fetches == 2


async def test_a_key_that_is_published_after_a_fetch_is_not_unknown_for_long(
    provider: LocalProvider, keys: KeySet, clock: Clock
) -> None:
    await keys.find("one")
    provider.keys["two"] = ec_key("two")
    assert await keys.find("two") is None, "the last fetch was a moment ago"
    clock.now = RETRY_S
    assert await keys.find("two") is not None


async def test_a_provider_that_is_not_there_is_given_up(clock: Clock) -> None:
    with pytest.raises(KeysUnavailable):
        await KeySet("http://127.0.0.1:9/keys", clock=clock).find("one")


async def test_a_redirect_is_not_followed(provider: LocalProvider, keys: KeySet) -> None:
    async with local_provider() as other:
        provider.moved_to = other.url
        with pytest.raises(KeysUnavailable):
            await keys.find("one")
        assert other.fetches == 0
