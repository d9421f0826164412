"""A process that sends gifts by the product's own services, without HTTP. Run as `python -m bench.gift_sender`.

A line {"hosts": …, "seconds": …} on its port is answered by the gifts per second that went to so many of the hosts.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

import uvloop
from cachetools import LRUCache

from bench.processes import configuration, say, stdin
from control_plane.accounts.store import own_by_id
from control_plane.accounts.user import OwnUser
from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.db.pool import Database, open_pool
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.metrics import GiftMetrics
from control_plane.gifts.sending import GiftOrder, Gifts
from control_plane.gifts.writer import GiftWriter
from control_plane.observe.metrics import Metrics

POOL_SIZE = 10


class NoSockets:
    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        pass


class Senders:
    """The senders' records, as the cache of sessions holds them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: LRUCache[UserId, OwnUser | None] = LRUCache(1000)

    async def record(self, user_id: UserId) -> OwnUser | None:
        if user_id not in self._known:
            self._known[user_id] = await own_by_id(self._database, user_id)
        return self._known[user_id]


async def send(gifts: Gifts, sender: UserId, hosts: Sequence[UserId], start: int, until: float) -> int:
    """Send gifts one after the other; returns how many."""
    for sent in itertools.count():
        if time.perf_counter() >= until:
            return sent
        host = hosts[(start + sent) * 37 % len(hosts)]
        order = GiftOrder(sender_id=sender, receiver_id=host, gift_id=GiftId(1), count=1)
        await gifts.send(order, uuid.uuid4().hex)
    raise AssertionError("count() is endless")


async def main() -> None:
    leaving = await stdin()
    config = await configuration(leaving)
    database = await open_pool(config["dsn"], POOL_SIZE)
    writer = GiftWriter(database, NoSockets())
    senders = Senders(database)
    gifts = Gifts(
        database, writer, Assortment(database), senders.record, lambda name: f"/{name}", GiftMetrics(Metrics())
    )

    async def answer(reader: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        asked: dict[str, Any] = json.loads(await reader.readline())
        hosts = config["hosts"][: asked["hosts"]]
        started = time.perf_counter()
        until = started + asked["seconds"]
        counts = await asyncio.gather(
            *(send(gifts, UserId(sender), hosts, place, until) for place, sender in enumerate(config["senders"]))
        )
        per_s = sum(counts) / (time.perf_counter() - started)
        answers.write(json.dumps({"per_s": per_s}).encode() + b"\n")
        answers.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    say(port=server.sockets[0].getsockname()[1])
    await leaving.read()
    server.close()
    await writer.close()
    await database.close()


if __name__ == "__main__":
    uvloop.run(main())
