"""`POST /stores/<name>`: what a store gets for its notification."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.callbacks.stores import LARGEST_BODY
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments.packages_store import offered, seed_packages
from control_plane.payments.stores.model import Message, StoreUnavailable
from control_plane.payments.stores.sandbox import SandboxStore
from tests.api.whole import Whole, whole
from tests.control_plane.ledger.books import audit
from tests.control_plane.people import new_user


@pytest.fixture
async def server(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole(dsn, database, tmp_path) as server:
        async with database.transaction() as connection:
            await seed_packages(connection)
        yield server


def sandbox_of(server: Whole) -> SandboxStore:
    sandbox = server.platform.payments.sandbox
    assert sandbox is not None
    return sandbox


async def posted(server: Whole, message: Message, name: str = "sandbox") -> int:
    async with server.client.post(f"/stores/{name}", data=message.body, headers=dict(message.headers)) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        return response.status


async def test_a_notification_is_kept_once_and_credits_the_buyer(server: Whole, database: Database) -> None:
    sandbox, payments = sandbox_of(server), server.platform.payments
    ann = await new_user(database)
    product = (await offered(database, "sandbox"))[0]
    message = sandbox.notification(sandbox.receipts.sell(product, await payments.accounts.of(ann)))
    for _ in range(2):
        assert await posted(server, message) == 200
    assert await database.fetchval("select count(*) from store_notice") == 1
    await payments.due.work()
    assert await wallet(database, ann) == Wallet(bought=100)
    assert await audit(database) == 100


async def test_what_is_not_from_a_store_is_refused_and_not_kept(server: Whole, database: Database) -> None:
    sandbox = sandbox_of(server)
    message = sandbox.notification("x")
    assert await posted(server, Message({}, message.body)) == 403
    assert await posted(server, Message(message.headers, message.body + b" ")) == 403
    assert await posted(server, message, "apple") == 404, "not connected"
    assert await posted(server, message, "Sandbox") == 404
    assert await posted(server, Message(message.headers, b"x" * (LARGEST_BODY + 1))) == 400
    async with server.client.get("/stores/sandbox") as response:
        assert response.status == 404
    assert await database.fetchval("select count(*) from store_notice") == 0


async def test_a_store_is_asked_to_try_again_while_something_is_down(
    server: Whole, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = sandbox_of(server)
    message = sandbox.notification("x")

    def away(*_: object) -> None:
        raise DatabaseUnavailable

    async def no_keys(_: Message) -> None:
        raise StoreUnavailable

    for target, name, fault in ((database, "transaction", away), (sandbox, "notices", no_keys)):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, fault)
            assert await posted(server, message) == 503
    assert await posted(server, message) == 200
