"""Push messages to browsers, against a push service that checks VAPID and decrypts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from control_plane.accounts import session_store
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.push.model import Push
from control_plane.push.web.subscriptions import InvalidSubscription
from tests.control_plane.people import new_user
from tests.control_plane.push.sending import Sending, new_session_of, sending
from tests.local_push import Failure


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Sending]:
    async with sending(database) as made:
        yield made


async def browsers(at: Sending) -> int:
    number: int = await at.database.fetchval("select count(*) from web_push_subscription")
    return number


async def test_a_browser_decrypts_what_the_service_worker_shows(at: Sending) -> None:
    session = await at.browser("one")
    await at.push(session.user_id)
    await at.sender.send_waiting()
    (shown,) = at.service.shown
    assert shown.pop("ttl") > 0
    assert shown.pop("tag").startswith("push-")
    assert shown == {
        "browser": "one",
        "sub": "mailto:ops@example.com",
        "unread": 0,
        "title": "follow",
        "body": "Ann (default)",
        "image": "",
        "path": "/inbox",
    }


async def test_the_longest_message_fits(at: Sending) -> None:
    session = await at.browser("one")
    params = {"text": "\N{GRINNING FACE}" * 5000, "picture": "https://example.com/" + "p" * 280}
    await at.push(session.user_id, push=Push("k" * 40, params, "", "c" * 64))
    await at.sender.send_waiting()
    assert len(at.service.shown) == 1


async def test_a_switched_off_kind_is_not_shown(at: Sending) -> None:
    session = await at.browser("one")
    await at.database.execute("update push_setting set new_followers = false")
    await at.push(session.user_id)
    await at.sender.send_waiting()
    assert (at.service.shown, await at.waiting()) == ([], 0)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_subscription_that_ended_is_forgotten(at: Sending, status: int) -> None:
    session = await at.browser("gone")
    await at.browser("stays", session.user_id)
    at.service.failures["gone"] = [Failure(status)]
    await at.push(session.user_id)
    await at.sender.send_waiting()
    assert (len(at.service.shown), await browsers(at), await at.waiting()) == (1, 1, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 413, 302])
async def test_a_refused_message_is_dropped_and_the_subscription_stays(at: Sending, status: int) -> None:
    session = await at.browser("one")
    at.service.failures["one"] = [Failure(status, headers={"Location": f"{at.service.url}/push/other"})]
    await at.push(session.user_id)
    await at.sender.send_waiting()
    assert (at.service.requests, await browsers(at), await at.waiting()) == (1, 1, 0)


@pytest.mark.parametrize(
    ("failure", "due_s"),
    [(Failure(429, headers={"Retry-After": "300"}), 300), (Failure(429), 60), (Failure(503), 5), (Failure(500), 5)],
)
async def test_a_failure_of_the_service_is_retried_as_it_asks(at: Sending, failure: Failure, due_s: float) -> None:
    session = await at.browser("one")
    at.service.failures["one"] = [failure]
    await at.push(session.user_id)
    await at.sender.send_waiting()
    assert due_s - 3 < await at.due_in_s() <= due_s
    at.service.failures.clear()
    await at.due_now()
    await at.sender.send_waiting()
    assert len(at.service.shown) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://attacker.example.com/push",
        "https://127.0.0.2/push",
        "https://10.0.0.1/push",
        "https://[::1]/push",
        "http://fcm.googleapis.com/fcm/send/a",
        "https://fcm.googleapis.com:8443/fcm/send/a",
        "https://fcm.googleapis.com.attacker.example.com/",
        "https://attacker.example.com/https://fcm.googleapis.com/",
        "https://attackerfcm.googleapis.com/",
        "https://fcm.googleapis.com@attacker.example.com/",
        "https://user:password@fcm.googleapis.com/",
        "https://attacker.example.com\\@fcm.googleapis.com/",
        "https://fcm.googleapis.com:port/",
        "https://fcm.googleapis.com/" + "a" * 1500,
        "https://fcm.googleapis.com/\n",
        "https://[fcm.googleapis.com/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_only_known_push_services_are_sent_to(at: Sending, endpoint: str) -> None:
    """The endpoint comes from the browser: any other address would let users have us send requests for them."""
    session = await at.browser("one")
    made = at.service.browsers["one"]
    with pytest.raises(InvalidSubscription):
        await at.subscriptions.add(session, endpoint, made.public_key, made.auth, "")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/a:b",
        "https://updates.push.services.mozilla.com/wpush/v2/a",
        "https://web.push.apple.com/a",
        "https://wns2-par02p.notify.windows.com/w/?token=a",
    ],
)
async def test_the_browsers_own_push_services_are_known(at: Sending, endpoint: str) -> None:
    session = await at.browser("one")
    made = at.service.browsers["one"]
    await at.subscriptions.add(session, endpoint, made.public_key, made.auth, "")
    assert await browsers(at) == 1, "it replaces the former one of this session"


@pytest.mark.parametrize(
    ("key", "auth"), [("", None), (None, ""), ("AAAA", None), (None, "AAAA"), ("é", None), ("a" * 500, None)]
)
async def test_keys_that_are_none_are_refused(at: Sending, key: str | None, auth: str | None) -> None:
    session = await at.browser("one")
    made = at.service.browsers["one"]
    with pytest.raises(InvalidSubscription):
        await at.subscriptions.add(
            session, made.endpoint, made.public_key if key is None else key, made.auth if auth is None else auth, ""
        )


async def test_a_browser_belongs_to_the_last_user_who_subscribed_in_it(at: Sending) -> None:
    first = await at.browser("shared")
    endpoint = at.service.browsers["shared"]
    other = await new_session_of(at.database, await new_user(at.database), "other")
    await at.subscriptions.add(other, endpoint.endpoint, endpoint.public_key, endpoint.auth, "")
    await at.push(first.user_id)
    await at.sender.send_waiting()
    assert at.service.shown == []
    await at.push(other.user_id)
    await at.sender.send_waiting()
    assert len(at.service.shown) == 1


async def test_a_session_that_ended_subscribes_to_nothing(at: Sending) -> None:
    session = await at.browser("one")
    async with at.database.transaction() as connection:
        await session_store.end_session(connection, session)
    assert await browsers(at) == 0
    made = at.service.browsers["one"]
    await at.subscriptions.add(session, made.endpoint, made.public_key, made.auth, "")
    assert await browsers(at) == 0
    await at.push(UserId(session.user_id))
    assert await at.waiting() == 0
