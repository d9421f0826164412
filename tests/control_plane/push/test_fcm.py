"""Push messages to phones, against a stand-in that speaks FCM's HTTP v1 API and fails in every documented way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from control_plane.base.service_account import NoAccessToken, UnusableAccount
from control_plane.db.pool import Database
from control_plane.push.fcm.account import fcm_account
from control_plane.push.model import Push
from tests import local_push
from tests.control_plane.push.sending import FOLLOW, KEEP_S, Sending, sending
from tests.local_push import Failure, credentials


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Sending]:
    async with sending(database) as made:
        yield made


async def test_a_phone_gets_the_text_in_its_language_and_the_keys_that_the_apps_read(at: Sending) -> None:
    user_id = await at.phone("phone", "de-DE")
    await at.database.execute("select counter_add('user.unread', $1, 3)", user_id)
    await at.push(user_id)
    await at.sender.send_waiting()

    (message,) = at.service.messages
    expires = int(message["apns"]["headers"].pop("apns-expiration"))
    assert 0 < expires - time.time() <= KEEP_S
    assert KEEP_S - 60 < int(message["android"].pop("ttl").removesuffix("s")) <= KEEP_S
    tag = message["apns"]["headers"].pop("apns-collapse-id")
    text = {"title": "follow", "body": "Ann (de-DE)"}
    assert message == {
        "token": "phone",
        "data": {
            "type": "follow",
            "receiver_id": str(user_id),
            "unread": "3",
            "user_id": "7",
            "sender_id": "7",
            **text,
        },
        "notification": text,
        "android": {
            "priority": "HIGH",
            "notification": {"channel_id": "follow", "tag": tag, "notification_count": 3},
        },
        "apns": {
            "headers": {"apns-push-type": "alert", "apns-priority": "10"},
            "payload": {"aps": {"badge": 3, "sound": "default"}},
        },
    }
    assert await at.waiting() == 0
    assert await at.database.fetchval("select count(*) from push_message") == 0, "no text is kept"


async def test_a_switched_off_kind_makes_no_alert(at: Sending) -> None:
    user_id = await at.phone("phone")
    await at.database.execute("update push_setting set new_followers = false where user_id = $1", user_id)
    await at.push(user_id)
    await at.sender.send_waiting()
    (message,) = at.service.messages
    assert "notification" not in message
    assert "notification" not in message["android"]
    assert not {"title", "body", "image"} & set(message["data"]), "the apps make an alert of these"
    assert message["apns"]["payload"] == {"aps": {"badge": 0}}


async def test_the_longest_texts_fit(at: Sending) -> None:
    user_id = await at.phone("p" * 512)
    params = {"text": "\N{GRINNING FACE}" * 5000, "picture": "https://example.com/" + "p" * 280}
    params |= dict.fromkeys(("user_id", "sender_id", "video_id", "live_streaming_id", "room_id"), str(2**31 - 1))
    await at.push(user_id, push=Push("k" * 40, params, "", "c" * 64))
    await at.sender.send_waiting()
    assert len(at.service.messages) == 1


async def test_all_phones_share_one_exchange_of_the_service_account(at: Sending) -> None:
    users = [await at.phone(f"phone{number}") for number in range(30)]
    await at.push(*users)
    await at.sender.send_waiting()
    assert sorted(message["token"] for message in at.service.messages) == sorted(f"phone{n}" for n in range(30))
    assert at.service.exchanges == 1
    at.clock.now += 3600 - 301
    await at.push(users[0])
    await at.sender.send_waiting()
    assert at.service.exchanges == 1
    at.clock.now += 2
    await at.push(users[0])
    await at.sender.send_waiting()
    assert at.service.exchanges == 2, "shortly before the token ends"


async def test_an_access_token_that_ended_early_is_replaced_once(at: Sending) -> None:
    users = [await at.phone(f"phone{number}") for number in range(3)]
    await at.push(users[0])
    await at.sender.send_waiting()
    at.service.revoked.add("access-1")
    await at.push(*users)
    await at.sender.send_waiting()
    assert len(at.service.messages) == 4
    assert at.service.exchanges == 2


async def test_without_an_access_token_the_messages_wait(at: Sending) -> None:
    user_id = await at.phone("phone")
    await at.push(user_id)
    at.service.token_failures = [Failure(400, {"error": "invalid_grant", "error_description": "account not found"})]
    await at.sender.send_waiting()
    assert (at.service.requests, await at.waiting()) == (0, 1)
    await at.due_now()
    await at.sender.send_waiting()
    assert (len(at.service.messages), await at.waiting()) == (1, 0)


@pytest.mark.parametrize("failure", ["UNREGISTERED", "INVALID_TOKEN"])
async def test_a_dead_token_is_forgotten(at: Sending, failure: str) -> None:
    await at.phone("dead")
    known = await at.phone("dead with a key", key="install-1")
    other = await at.phone("alive")
    for token in ("dead", "dead with a key"):
        at.service.failures[token] = [getattr(local_push, failure)]
    users = await at.database.fetch("select user_id from device order by id")
    await at.push(*(row["user_id"] for row in users))
    await at.sender.send_waiting()
    assert await at.tokens() == ["alive"]
    assert [message["token"] for message in at.service.messages] == ["alive"]
    assert await at.database.fetchval("select user_id from device where key = 'install-1'") == known, "the device stays"
    assert await at.database.fetchval("select array_agg(id) from app_user where device_token <> ''") == [other]
    assert await at.waiting() == 0


@pytest.mark.parametrize("failure", ["INVALID_MESSAGE", "TOO_BIG", "SENDER_ID_MISMATCH"])
async def test_a_refused_message_is_dropped_and_the_token_stays(at: Sending, failure: str) -> None:
    """A fault of ours, such as the credentials of another project, is the same for every token."""
    await at.push(await at.phone("phone"))
    at.service.every_failure = getattr(local_push, failure)
    await at.sender.send_waiting()
    assert await at.tokens() == ["phone"]
    assert (at.service.requests, await at.waiting()) == (1, 0)


@pytest.mark.parametrize(
    ("failure", "least_s", "most_s"),
    [
        ("QUOTA", 60, 60),
        ("UNAVAILABLE", 5, 5),
        ("UNAVAILABLE_FOR_90", 90, 90),
        ("INTERNAL", 5, 5),
        ("THIRD_PARTY_AUTH", 5, 5),
        ("UNAUTHENTICATED", 5, 5),
        ("PERMISSION_DENIED", 5, 5),
        ("NOT_FCM", 5, 5),
        ("BAD_GATEWAY", 5, 5),
    ],
)
async def test_a_failure_of_the_service_is_retried_as_it_asks(
    at: Sending, failure: str, least_s: float, most_s: float
) -> None:
    await at.push(await at.phone("phone"))
    at.service.every_failure = getattr(local_push, failure)
    await at.sender.send_waiting()
    assert least_s - 3 < await at.due_in_s() <= most_s
    assert await at.tokens() == ["phone"]
    await at.due_now()
    await at.sender.send_waiting()
    assert max(least_s, 10) - 3 < await at.due_in_s() <= max(most_s, 10), "the backoff doubles"
    at.service.every_failure = None
    await at.due_now()
    await at.sender.send_waiting()
    assert (len(at.service.messages), await at.waiting()) == (1, 0)


async def test_each_attempt_has_the_same_tag(at: Sending) -> None:
    """A phone that got the message although the answer was lost replaces it, and shows it once."""
    await at.push(await at.phone("phone"))
    await at.push(await at.phone("other"))
    await at.sender.send_waiting()
    first = at.service.messages[0]
    await at.database.execute("delete from push_outbox")
    await at.push(await at.phone("third"), push=Push("message", {"text": "hi"}, "", "message-7"))
    at.service.failures["third"] = [local_push.UNAVAILABLE, Failure(200)]
    await at.sender.send_waiting()
    row = await at.database.fetchrow("select attempts from push_outbox")
    assert row is not None
    assert row["attempts"] == 1
    at.service.failures.clear()
    await at.due_now()
    await at.sender.send_waiting()
    assert at.service.messages[-1]["apns"]["headers"]["apns-collapse-id"] == "message-7"
    tags = {message["android"]["notification"]["tag"] for message in at.service.messages}
    assert len(tags) == 3
    assert first["android"]["notification"]["tag"].startswith("push-")


async def test_a_cut_connection_is_retried(at: Sending) -> None:
    await at.push(await at.phone("phone"))
    at.service.cuts = True
    await at.sender.send_waiting()
    assert (await at.waiting(), await at.tokens()) == (1, ["phone"])
    at.service.cuts = False
    await at.due_now()
    await at.sender.send_waiting()
    assert await at.waiting() == 0


async def test_a_service_that_is_away_is_not_asked_for_each_phone(at: Sending) -> None:
    users = [await at.phone(f"phone{number}") for number in range(120)]
    await at.push(*users)
    at.service.every_failure = local_push.UNAVAILABLE_FOR_90
    await at.sender.send_waiting()
    assert at.service.requests == 50, "one batch"
    await at.sender.send_waiting()
    assert at.service.requests == 50
    delay = await at.database.fetchval("select max(extract(epoch from execute_after - now()))::float8 from pgqueuer")
    assert 60 < delay <= 90, "the next job starts when the service wants to be asked again"
    at.service.every_failure = None
    await at.due_now()
    await at.sender.send_waiting()
    assert len(at.service.messages) == 120


async def test_wrong_keys_of_apns_do_not_hold_back_other_phones(at: Sending) -> None:
    users = [await at.phone(f"phone{number}") for number in range(60)]
    at.service.failures = {f"phone{number}": [local_push.THIRD_PARTY_AUTH] for number in range(50)}
    await at.push(*users)
    await at.sender.send_waiting()
    assert len(at.service.messages) == 10
    assert await at.waiting() == 50


async def test_a_message_that_is_too_old_is_dropped(database: Database) -> None:
    async with sending(database, keep_kinds_s={"live": 60}) as at:
        user_id = await at.phone("phone")
        await at.push(user_id, push=Push("live", {"live_streaming_id": 4}))
        await at.push(user_id, push=FOLLOW)
        await at.database.execute("update push_message set created_at = now() - interval '61 seconds'")
        await at.sender.send_waiting()
        assert [message["data"]["type"] for message in at.service.messages] == ["follow"]
        assert await at.waiting() == 0


async def test_a_message_without_a_text_holds_back_no_other(at: Sending) -> None:
    user_id = await at.phone("phone")
    await at.push(user_id, push=Push("broken", {}))
    await at.push(user_id)
    await at.sender.send_waiting()
    assert len(at.service.messages) == 1
    assert await at.waiting() == 0


@pytest.mark.parametrize("text", ["", "{", "{}", "/no/such/file.json", '{"type": "service_account"}', "[1]"])
def test_unusable_credentials_are_not_quoted(text: str) -> None:
    with pytest.raises(UnusableAccount) as refusal:
        fcm_account(text, "https://oauth2.googleapis.com/token")
    assert not text or text not in str(refusal.value)


async def test_a_refused_account_says_why_and_quotes_no_key(at: Sending) -> None:
    at.service.token_failures = [Failure(400, {"error": "invalid_grant", "error_description": "secret"})]
    account = fcm_account(credentials(), f"{at.service.url}/token")
    with pytest.raises(NoAccessToken, match="invalid_grant") as refusal:
        await account.access_token()
    assert "secret" not in str(refusal.value)
    with pytest.raises(NoAccessToken):
        await account.access_token()
    assert at.service.exchanges == 1, "not at once again"


async def test_a_redirect_of_the_token_endpoint_is_not_followed(at: Sending) -> None:
    at.service.token_failures = [Failure(307, "", {"Location": f"{at.service.url}/token"})]
    with pytest.raises(NoAccessToken):
        await fcm_account(credentials(), f"{at.service.url}/token").access_token()
    assert at.service.exchanges == 1
