"""Notifications of Google Play by Pub/Sub: which ones are accepted, and what they say."""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from control_plane.accounts.providers import key_set
from control_plane.payments.stores.google.play import GooglePlay, open_google
from control_plane.payments.stores.model import Message, Notice, NoticeKind, NotificationRefused, StoreUnavailable
from tests.local_google_play import (
    ADDRESS,
    PUSH_ACCOUNT,
    LocalGooglePlay,
    bought,
    notification,
    purchase_token,
    voided,
)
from tests.local_provider import ec_key, public_text, rsa_key

TOKEN = purchase_token("one")
HOUR = dt.timedelta(hours=1)


@pytest.mark.parametrize("content", [bought(TOKEN), bought(TOKEN, 2), bought(TOKEN, 9), voided(TOKEN)])
async def test_a_change_of_a_purchase_is_a_notice(
    google: LocalGooglePlay, store: GooglePlay, content: dict[str, Any]
) -> None:
    notices = await store.notices(google.push(content, message_id="4711"))
    assert notices == (Notice("4711", NoticeKind.CHANGED, TOKEN),)


@pytest.mark.parametrize(
    "content",
    [
        notification(testNotification={"version": "1.0"}),
        notification(subscriptionNotification={"notificationType": 4, "purchaseToken": TOKEN}),
        voided(TOKEN, product_type=1),
        notification(pendingRefundReviewNotification={"orderId": "GPA.1"}),
        notification(),
    ],
)
async def test_tests_and_subscriptions_say_nothing(
    google: LocalGooglePlay, store: GooglePlay, content: dict[str, Any]
) -> None:
    assert await store.notices(google.push(content)) == ()


def _hs256_with_the_public_key(google: LocalGooglePlay) -> Message:
    """By hand: libraries refuse to sign with a public key."""
    _, content, _ = google.pubsub.token(aud=ADDRESS, email=PUSH_ACCOUNT).split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one", "typ": "JWT"}).encode()).decode()
    signed = f"{head.rstrip('=')}.{content}"
    digest = hmac.digest(public_text(rsa_key("one")), signed.encode(), "sha256")
    return google.push_with(f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}", bought(TOKEN))


FORGED: dict[str, Callable[[LocalGooglePlay], Message]] = {
    "another audience": lambda google: google.push(bought(TOKEN), aud="https://other.example.com/stores/google"),
    "without audience": lambda google: google.push(bought(TOKEN), aud=None),
    "another issuer": lambda google: google.push(bought(TOKEN), iss="https://accounts.example.com"),
    "another account": lambda google: google.push(bought(TOKEN), email="push@other.iam.gserviceaccount.com"),
    "without account": lambda google: google.push(bought(TOKEN), email=None),
    "account not verified": lambda google: google.push(bought(TOKEN), email_verified=False),
    "account not said to be verified": lambda google: google.push(bought(TOKEN), email_verified=None),
    "account verified in words": lambda google: google.push(bought(TOKEN), email_verified="true"),
    "expired": lambda google: google.push(bought(TOKEN), exp=dt.datetime.now(dt.UTC) - HOUR),
    "without expiry": lambda google: google.push(bought(TOKEN), exp=None),
    "signed by another key": lambda google: google.push(bought(TOKEN), key=rsa_key("stranger")),
    "another kind of key": lambda google: google.push(bought(TOKEN), key=ec_key("stranger")),
    "unknown key id": lambda google: google.push(bought(TOKEN), headers={"kid": "two"}),
    "not signed": lambda google: google.push(bought(TOKEN), key="", algorithm="none"),
    "signed with the public key as a secret": _hs256_with_the_public_key,
    "no JWT": lambda google: google.push_with("letmein", bought(TOKEN)),
    "empty token": lambda google: google.push_with("", bought(TOKEN)),
    "no header": lambda google: Message({}, google.push(bought(TOKEN)).body),
    "another scheme": lambda google: Message({"authorization": "Basic YTpi"}, google.push(bought(TOKEN)).body),
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_notification_is_refused(google: LocalGooglePlay, store: GooglePlay, name: str) -> None:
    with pytest.raises(NotificationRefused):
        await store.notices(FORGED[name](google))


STRANGE: dict[str, Callable[[LocalGooglePlay], Message]] = {
    "another package": lambda google: google.push(bought(TOKEN, package_name="com.example.other")),
    "no package": lambda google: google.push({"oneTimeProductNotification": {"purchaseToken": TOKEN}}),
    "not JSON": lambda google: google.push(b"<html>"),
    "not UTF-8": lambda google: google.push(b'{"packageName": "\xff"}'),
    "a list": lambda google: google.push([]),
    "no purchase token": lambda google: google.push(bought("../../orders")),
    "no base64": lambda google: Message(
        google.push({}).headers, json.dumps({"message": {"data": "*", "messageId": "1"}}).encode()
    ),
    "no message": lambda google: Message(google.push({}).headers, b"{}"),
    "no message id": lambda google: google.push(bought(TOKEN), message_id=""),
    "endless message id": lambda google: google.push(bought(TOKEN), message_id="1" * 1000),
    "empty body": lambda google: Message(google.push({}).headers, b""),
}


@pytest.mark.parametrize("name", STRANGE)
async def test_what_is_not_about_this_app_is_refused(google: LocalGooglePlay, store: GooglePlay, name: str) -> None:
    with pytest.raises(NotificationRefused):
        await store.notices(STRANGE[name](google))


async def test_without_an_account_every_notification_is_refused(
    google: LocalGooglePlay, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_google(google.settings(push_account=""), session, ADDRESS)
    assert store is not None
    for email in (PUSH_ACCOUNT, "", None):
        with pytest.raises(NotificationRefused):
            await store.notices(google.push(bought(TOKEN), email=email))
    assert google.pubsub.fetches == 0
    assert any("LIVE_STORES_GOOGLE_PUSH_ACCOUNT" in str(vars(record)) for record in caplog.records)


async def test_the_audience_can_be_set(google: LocalGooglePlay, session: aiohttp.ClientSession) -> None:
    store = open_google(google.settings(push_audience="show"), session, ADDRESS)
    assert store is not None
    assert len(await store.notices(google.push(bought(TOKEN), aud="show"))) == 1
    with pytest.raises(NotificationRefused):
        await store.notices(google.push(bought(TOKEN)))


async def test_a_new_key_is_fetched_and_a_withdrawn_one_is_refused(
    google: LocalGooglePlay, store: GooglePlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = google.push(bought(TOKEN))
    for _ in range(3):
        assert len(await store.notices(old)) == 1
    assert google.pubsub.fetches == 1
    monkeypatch.setattr(key_set, "RETRY_S", 0.0)
    google.pubsub.keys = {"two": rsa_key("two")}
    assert len(await store.notices(google.push(bought(TOKEN), key_id="two"))) == 1
    assert google.pubsub.fetches == 2
    with pytest.raises(NotificationRefused):
        await store.notices(old)


async def test_without_keys_google_is_told_to_come_again(google: LocalGooglePlay, store: GooglePlay) -> None:
    google.pubsub.status = 503
    with pytest.raises(StoreUnavailable):
        await store.notices(google.push(bought(TOKEN)))
