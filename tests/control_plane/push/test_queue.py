"""The outbox: one row for each device of the receivers, in the transaction of the cause, each sent by one worker."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.worker import LOST_AFTER_S, POLL_S, Worker
from control_plane.observe.metrics import Metrics
from control_plane.push import store
from control_plane.push.model import Push, ServiceName
from control_plane.push.queue import enqueue, send_pushes
from control_plane.push.sender import LEASE
from tests.control_plane.jobs.factory import is_empty
from tests.control_plane.people import new_user
from tests.control_plane.push.sending import FOLLOW, Sending, sending
from tests.control_plane.social.relations import ban, block, delete
from tests.waiting import in_background, until


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Sending]:
    async with sending(database) as made:
        yield made


async def jobs(at: Sending) -> int:
    number: int = await at.database.fetchval("select count(*) from pgqueuer")
    return number


async def test_one_row_for_each_device_of_the_receivers(at: Sending) -> None:
    one, other, nobody = await at.phone("a"), await at.phone("b"), await at.phone("c")
    await at.browser("d", one)
    await at.database.execute("update device set user_id = $1 where token = 'c'", one)
    await at.push(one, other, nobody)
    assert (await at.waiting(), await jobs(at)) == (4, 1)
    await at.sender.send_waiting()
    assert {message["token"] for message in at.service.messages} == {"a", "b", "c"}
    assert {message["data"]["receiver_id"] for message in at.service.messages} == {str(one), str(other)}
    assert len(at.service.shown) == 1


async def test_nothing_is_queued_for_users_without_devices(at: Sending) -> None:
    user_id = await at.phone("a")
    await at.database.execute("update device set user_id = null")
    await at.push(user_id)
    await at.push()
    assert (await at.waiting(), await jobs(at)) == (0, 0)
    assert await at.database.fetchval("select count(*) from push_message") == 0


async def test_nothing_is_queued_without_a_service(at: Sending) -> None:
    session = await at.browser("b")
    await at.database.execute("insert into device (token, user_id) values ('a', $1)", session.user_id)
    await at.push(session.user_id)
    assert await at.waiting() == 2
    await store.set_services(at.database, [ServiceName.WEB])
    assert await at.waiting() == 1, "nothing waits for a service that is not set up any more"
    await store.set_services(at.database, [])
    await at.push(session.user_id)
    assert await at.waiting() == 0
    assert await at.database.fetchval("select count(*) from push_message") == 0


@pytest.mark.parametrize("end", [ban, delete, block])
async def test_what_waits_is_not_sent_once_its_sender_is_hidden_from_the_receiver(at: Sending, end: Any) -> None:
    receiver, other, sender = await at.phone("a"), await at.phone("b"), await new_user(at.database)
    await at.push(receiver, push=dataclasses.replace(FOLLOW, params={"sender_id": sender, "name": "Ann"}))
    await at.push(other)
    await end(at.database, sender, *([receiver] if end is block else []))
    await at.sender.send_waiting()
    assert [message["token"] for message in at.service.messages] == ["b"]
    assert await at.waiting() == 0


async def test_nothing_is_sent_if_the_cause_fails(at: Sending) -> None:
    user_id = await at.phone("a")

    async def cause() -> None:
        async with at.database.transaction() as connection:
            await enqueue(connection, FOLLOW, [user_id])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await cause()
    assert (await at.waiting(), await jobs(at)) == (0, 0)


async def test_causes_do_not_wait_for_each_other(at: Sending) -> None:
    """Both have enqueued their jobs while neither has committed."""
    user_id = await at.phone("a")
    async with asyncio.timeout(10), at.database.transaction() as one, at.database.transaction() as other:
        await enqueue(one, FOLLOW, [user_id])
        await enqueue(other, FOLLOW, [user_id])
    assert await at.waiting() == 2


async def test_a_message_to_few_goes_before_one_to_many(database: Database) -> None:
    async with sending(database, per_second=1) as at:  # batches of two
        star = [await at.phone(f"fan{number}") for number in range(4)]
        await at.push(*star, *([UserId(10**6)] * store.BULK), push=Push("live", {}))
        await at.push(star[0], push=FOLLOW)
        first = await store.pick(database, ServiceName.FCM, 2, LEASE)
        assert [waiting.kind for waiting in first] == ["follow", "live"]


async def test_workers_at_once_send_each_message_once(at: Sending) -> None:
    users = [await at.phone(f"phone{number}") for number in range(300)]
    await at.push(*users)
    await asyncio.gather(*(at.sender.send_waiting() for _ in range(4)))
    tokens = [message["token"] for message in at.service.messages]
    assert len(tokens) == len(set(tokens)) == 300


async def test_the_messages_of_a_killed_worker_are_sent_by_the_next(at: Sending) -> None:
    await at.push(await at.phone("phone"))
    (picked,) = await store.pick(at.database, ServiceName.FCM, 10, LEASE)
    assert LEASE.total_seconds() < 30
    assert LOST_AFTER_S + POLL_S < 30
    await at.sender.send_waiting()
    assert at.service.messages == [], "the worker that was killed may still be sending it"
    plan = await at.database.fetchval("select max(extract(epoch from execute_after - now()))::float8 from pgqueuer")
    assert 0 < plan <= LEASE.total_seconds(), "a job is planned for then"
    await at.due_now()
    await at.sender.send_waiting()
    (message,) = at.service.messages
    assert message["android"]["notification"]["tag"] == picked.tag, "so that the phone shows it once"


async def test_the_job_sends_and_sends_again_later(at: Sending, dsn: str) -> None:
    """With the queue's worker: the first job fails to send and plans the second."""
    await at.push(await at.phone("phone"))
    at.service.cuts = True
    worker = Worker(at.database, dsn, [send_pushes.bind(at.sender)], JobMetrics(Metrics()), poll_s=0.2)
    async with in_background(worker.run()):
        planned = "select id from pgqueuer where status = 'queued' and execute_after > now() + interval '2 seconds'"
        await until(lambda: at.database.fetchval(planned))
        at.service.cuts = False
        await at.due_now()
        await at.database.execute("update pgqueuer set execute_after = now() where status = 'queued'")
        await until(lambda: len(at.service.messages) == 1)
        await until(lambda: is_empty(at.database))


async def test_the_rate_is_bounded(database: Database) -> None:
    async with sending(database, per_second=50) as at:
        users = [await at.phone(f"phone{number}") for number in range(100)]
        await at.push(*users)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await at.sender.send_waiting()
        assert loop.time() - began >= 99 / 50
        assert len(at.service.messages) == 100


async def test_what_happened_is_counted(at: Sending) -> None:
    await at.push(await at.phone("a"), await at.phone("b"))
    await at.sender.send_waiting()
    text = at.metrics.render().decode()
    assert 'stagedoor_pushes_total{outcome="sent",service="fcm"} 2.0' in text
    assert "stagedoor_pushes_late_seconds 0.0" in text
