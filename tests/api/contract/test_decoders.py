"""Tests of the decoders, which other tests rely on: they accept what every app reads, and find each single mistake."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from api.contract.client import Client
from api.contract.facts import Kind, ListOf, Named, OneOf, Record, Shape, Value, Words, load
from api.wire.feed import FeedItem
from api.wire.gift import Gift, GiftSend
from api.wire.live import LiveStreaming
from api.wire.person import BlockUser, User, Video
from api.wire.preferences import PrivacySetting, PushNotification
from api.wire.sound import Sound
from api.wire.values import NO_TIME
from api.wire.wallet import CoinPackage, CoinWorth, PurchaseCoin, Transaction
from tests.api.contract.decoders import problems

APPS = [Client.IOS, Client.ANDROID, Client.ANDROID_KT]
ENDPOINTS = sorted(load().endpoints)

SENDER = User(id=1, username="ada", wallet=950, auth_token="t", created="2026-01-31 12:00:00")
GIFT = Gift(id=5, title="Rose", coin=1, image="https://example.test/rose.svg", icon="https://example.test/rose.svg")
SOUND = Sound(id=3, audio="https://example.test/a.mp3", duration="00:30")
STREAM = LiveStreaming(
    id=12,
    user_id=1,
    channel_name="12",
    started_at="2026-01-31 12:00:00",
    playback_url="http://localhost:8888/live/12/index.m3u8?token=x",
    websocket_url="ws://localhost:8080/ws/live/12",
    rtmp_url="rtmp://localhost:1935/live/12?token=x",
    srt_url="srt://localhost:8890?streamid=publish:live/12::x",
)
PEOPLE = {"User": SENDER, "PushNotification": PushNotification(id=1), "PrivacySetting": PrivacySetting(id=1)}


def wire(answer: object) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return decoded


def feed_item() -> FeedItem:
    video = Video(id=2, user_id=1, video="https://example.test/v.mp4", duration=7.5, user=SENDER, sound=SOUND)
    return FeedItem(video=video, user=SENDER, sound=SOUND)


GOOD: dict[str, object] = {
    "registerUser": {"code": 200, "msg": PEOPLE},
    "showUserDetail": {"code": 200, "msg": PEOPLE},
    "showRelatedVideos": {"code": 200, "msg": [feed_item()]},
    "liveStream": {"code": 200, "msg": {"LiveStreaming": STREAM}},
    "showGifts": {"code": 200, "msg": [{"Gift": GIFT}]},
    "sendGift": {"code": 200, "msg": {**PEOPLE, "Gift": GIFT, "GiftSend": GiftSend(id=9), "SentGift": GiftSend(id=9)}},
    "showCoinWorth": {
        "code": 200,
        "msg": {
            "CoinWorth": CoinWorth(id=1, price=0.005),
            "CoinPackages": [CoinPackage(id=1, coins=100, price=0.99, title="100 coins", product_id="coins_100")],
        },
    },
    "purchaseCoin": {
        "code": 200,
        "msg": {
            **PEOPLE,
            "PurchaseCoin": PurchaseCoin(id=4, coin=500, price=5, price_decimal="4.99"),
            "Transaction": Transaction(id=4, coin=500, price=4.99),
        },
    },
    "watchLiveStream": {"code": 200, "msg": {"User": SENDER, "LiveStreaming": STREAM}},
    "blockUser": {"code": 200, "msg": {"BlockUser": BlockUser(id=1), "BlockedUser": SENDER}},
    "likeVideo": {"code": 200, "msg": "success", "like": 1, "like_count": 8},
    "likeComment": {"code": 200, "msg": "unfavourite", "like_count": 0},
}  # fmt: skip


@pytest.mark.parametrize("client", APPS)
@pytest.mark.parametrize("endpoint", GOOD)
def test_answers_made_of_the_wire_objects_are_read(endpoint: str, client: Client) -> None:
    assert problems(client, endpoint, msgspec.json.encode(GOOD[endpoint])) == []


# ── one mistake each ──────────────────────────────────────────────────────────────────────────────────────────────

REMOVE = object()
MISTAKES: list[tuple[str, str, object, str]] = [
    ("an id as text", "liveStream", "12", "msg.LiveStreaming.id"),
    ("an id of 64 bits", "liveStream", 2**31, "msg.LiveStreaming.id"),
    ("a negative id", "liveStream", -1, "msg.LiveStreaming.id"),
    ("no stream's id", "liveStream", 0, "msg.LiveStreaming.id"),
    ("a playlist of another kind", "liveStream", "http://localhost/live/12.mpd", "msg.LiveStreaming.playback_url"),
    ("a relative URL", "showGifts", "/static/gifts/rose.svg", "msg.0.Gift.image"),
    ("a number as URL", "showGifts", 7, "msg.0.Gift.icon"),
    ("a price as text", "showGifts", "1", "msg.0.Gift.coin"),
    ("null", "showUserDetail", None, "msg.User.bio"),
    ("null under a key that no app knows", "showUserDetail", None, "msg.User.shoe_size"),
    ("a boolean flag", "showUserDetail", True, "msg.User.verified"),
    ("a flag of 2", "showUserDetail", 2, "msg.User.verified"),
    ("an empty place", "showUserDetail", "", "msg.User.lat"),
    ("a time with zone", "showUserDetail", "2026-01-31T12:00:00Z", "msg.User.created"),
    ("a day that no month has", "showUserDetail", "2026-02-30 12:00:00", "msg.User.created"),
    ("an empty time", "showUserDetail", "", "msg.User.created"),
    ("a relation of our own", "showUserDetail", "follow", "msg.User.button"),
    ("no User", "sendGift", REMOVE, "msg.User"),
    ("a list for User", "sendGift", [], "msg.User"),
    ("a wallet with cents", "sendGift", 950.0, "msg.User.wallet"),
    ("a key that is always there", "blockUser", REMOVE, "msg.BlockedUser.device_token"),
    ("a wallet as text", "blockUser", "950", "msg.BlockedUser.wallet"),
    ("a country as text", "blockUser", "1", "msg.BlockedUser.country_id"),
    ("a price with cents in PurchaseCoin", "purchaseCoin", 4.99, "msg.PurchaseCoin.price"),
    ("a price as text in Transaction", "purchaseCoin", "4.99", "msg.Transaction.price"),
    ("a duration as number", "showRelatedVideos", 30, "msg.0.Sound.duration"),
    ("a number for allow_comments", "showRelatedVideos", 1, "msg.0.Video.allow_comments"),
    ("an empty list for a Sound", "showRelatedVideos", [], "msg.0.Sound"),
    ("another sound inside", "showRelatedVideos", 99, "msg.0.Video.Sound.id"),
    ("another owner inside", "showRelatedVideos", 99, "msg.0.Video.User.id"),
    ("comments in a video", "showRelatedVideos", [], "msg.0.Video.VideoComment"),
    ("a counter missing beside msg", "likeVideo", REMOVE, "like_count"),
    ("an object for a text", "likeVideo", {}, "msg"),
    ("another word for a removal", "likeComment", "removed", "msg"),
    ("no list", "showGifts", {}, "msg"),
    ("a code as text", "showGifts", "200", "code"),
    ("a code of our own", "showGifts", 418, "code"),
    ("no msg", "showGifts", REMOVE, "msg"),
]  # fmt: skip


def changed(answer: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    answer = copy.deepcopy(answer)
    place: Any = answer
    *way, last = path.split(".")
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    key = int(last) if isinstance(place, list) else last
    if value is REMOVE:
        del place[key]
    else:
        place[key] = value
    return answer


@pytest.mark.parametrize("client", APPS)
@pytest.mark.parametrize(("mistake", "endpoint", "value", "path"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_it_is_found(mistake: str, endpoint: str, value: object, path: str, client: Client) -> None:
    answer = wire(GOOD[endpoint])
    told = problems(client, endpoint, changed(answer, path, value))
    assert len(told) == 1, mistake
    assert path.rpartition(".")[2] in told[0] or "inside" in mistake


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b'"done"', b"{'code': 200}", b'{"code": NaN, "msg": ""}', b'{"code": 200, "msg": "\xff"}']
)
def test_what_is_no_json_object_is_found(answer: bytes) -> None:
    assert len(problems(Client.IOS, "likeVideo", answer)) == 1


# ── what one app needs and another does not ───────────────────────────────────────────────────────────────────────


def test_an_item_without_username_vanishes_on_android_only() -> None:
    answer = wire(GOOD["showRelatedVideos"])
    for user in (answer["msg"][0]["User"], answer["msg"][0]["Video"]["User"]):
        user["username"] = ""
    assert problems(Client.IOS, "showRelatedVideos", answer) == []
    assert len(problems(Client.ANDROID, "showRelatedVideos", answer)) == 2


def test_the_separator_of_the_chat_line_matters_to_android_only() -> None:
    answer = changed(wire(GOOD["showGifts"]), "msg.0.Gift.title", "a=====b")
    assert problems(Client.IOS, "showGifts", answer) == []
    assert len(problems(Client.ANDROID_KT, "showGifts", answer)) == 1


@pytest.mark.parametrize(("block", "record"), [(1, False), (0, True)])
def test_a_block_record_belongs_to_a_block(block: int, record: bool) -> None:
    user = msgspec.structs.replace(SENDER, block=block, block_user=BlockUser() if record else msgspec.UNSET)
    assert len(problems(Client.ANDROID, "showUserDetail", wire({"code": 200, "msg": {**PEOPLE, "User": user}}))) == 1


def test_a_hashtag_page_is_a_list_for_android_and_an_object_for_the_others() -> None:
    hashtag = {"id": 1, "name": "sea", "views": "120", "videos_count": 1, "favourite": 0}
    counts = {"code": 200, "views": "120", "videos_count": 1}
    as_object = wire({**counts, "msg": {"Hashtag": {**hashtag, "videos": [feed_item()]}}})
    as_list = wire({**counts, "msg": [{**wire(feed_item()), "Hashtag": hashtag}]})
    assert {client: not problems(client, "showVideosAgainstHashtag", as_object) for client in APPS} == {
        Client.IOS: True, Client.ANDROID: False, Client.ANDROID_KT: True
    }  # fmt: skip
    assert {client: not problems(client, "showVideosAgainstHashtag", as_list) for client in APPS} == {
        Client.IOS: False, Client.ANDROID: True, Client.ANDROID_KT: False
    }  # fmt: skip


def test_a_repost_is_told_as_text_to_ios_and_as_video_to_the_others() -> None:
    text = {"code": 200, "msg": "success"}
    video = wire({"code": 200, "msg": {"Video": feed_item().video}})
    assert problems(Client.IOS, "repostVideo", text) == problems(Client.ANDROID, "repostVideo", video) == []
    assert problems(Client.IOS, "repostVideo", video) != [] != problems(Client.ANDROID, "repostVideo", text)


def test_android_reads_the_video_of_a_notification_about_one() -> None:
    notification = {
        "id": 1, "sender_id": 1, "receiver_id": 2, "string": "ada liked your video", "type": "video_like", "video_id": 2,
        "live_streaming_id": 0, "room_id": 0, "order_id": 0, "status": "0", "read": 0, "created": "2026-01-31 12:00:00",
    }  # fmt: skip
    entry = {"Notification": notification, "Sender": SENDER, "Receiver": SENDER}
    answer = wire({"code": 200, "msg": [entry]})
    assert problems(Client.IOS, "showAllNotifications", answer) == []
    assert len(problems(Client.ANDROID, "showAllNotifications", answer)) == 1
    assert (
        problems(
            Client.ANDROID, "showAllNotifications", wire({"code": 200, "msg": [{**entry, "Video": feed_item().video}]})
        )
        == []
    )


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("client", APPS)
@pytest.mark.parametrize("code", [201, 202, 400, 401, 404, 500, 501])
def test_a_refusal_carries_a_text(client: Client, code: int) -> None:
    assert problems(client, "sendGift", {"code": code, "msg": "Not enough coins."}) == []
    others: list[object] = [[], {}, 7]
    for msg in others:
        assert len(problems(client, "sendGift", {"code": code, "msg": msg})) == 1
    assert len(problems(client, "sendGift", {"code": code})) == 1


def test_a_refusal_keeps_the_keys_beside_msg() -> None:
    assert problems(Client.IOS, "likeVideo", {"code": 201, "msg": "No such video.", "like": 0, "like_count": 0}) == []
    assert len(problems(Client.IOS, "likeVideo", {"code": 201, "msg": "No such video."})) == 2


def test_a_refused_follow_has_no_text_for_ios() -> None:
    assert problems(Client.IOS, "followUser", {"code": 201}) == []
    assert len(problems(Client.IOS, "followUser", {"code": 201, "msg": "No."})) == 1
    assert problems(Client.ANDROID, "followUser", {"code": 201, "msg": "No."}) == []


def test_a_profile_without_videos_is_two_empty_lists_for_ios() -> None:
    assert problems(Client.IOS, "showVideosAgainstUserID", {"code": 200, "msg": {"public": [], "private": []}}) == []
    assert len(problems(Client.IOS, "showVideosAgainstUserID", {"code": 201, "msg": "Nothing here."})) == 1
    assert problems(Client.IOS, "showVideosAgainstUserID", {"code": 401, "msg": "Sign in."}) == []


# ── every endpoint, by its facts ──────────────────────────────────────────────────────────────────────────────────

VALUES: dict[Kind, object] = {
    Kind.ID: 7, Kind.INT: 3, Kind.FLAG: 0, Kind.NUMBER: 1.5, Kind.TEXT: "ada", Kind.COUNT_TEXT: "12", Kind.DECIMAL: "0.0",
    Kind.DATE: "1990-12-01", Kind.TIME: NO_TIME, Kind.URL: "https://example.test/a.m3u8", Kind.OBJECT: {}, Kind.LIST: [],
}  # fmt: skip
NOTHING_ELSE = {"duet_video_id": 0, "video_id": 0}
"""With these at 0, no conditional object is required."""


def example(shape: Shape, depth: int = 0) -> Any:
    """A valid value; lists have one item, two levels deep."""
    match shape:
        case Value(kind):
            return copy.deepcopy(VALUES[kind])
        case Words(words):
            return words[-1]
        case ListOf(item):
            return [example(item, depth + 1)] if depth < 2 else []
        case OneOf(options):
            return example(options[0], depth)
        case Named(name):
            return example(Record(load().objects[name].always, {}, None), depth)
        case Record(required, _, extends):
            base = example(Named(extends), depth) if extends else {}
            return {**base, **{key: NOTHING_ELSE.get(key, example(inner, depth)) for key, inner in required.items()}}
    raise AssertionError(shape)


def good(endpoint: str, client: Client) -> dict[str, Any]:
    facts = load().endpoints[endpoint]
    beside = {key: example(shape) for key, shape in facts.top_level.items()}
    return {"code": 200, "msg": example(facts.msg_for(client)), **beside}


def places(value: object, path: str = "$") -> Iterator[tuple[str, Any, Any]]:
    """Path, container and key of every value in an answer."""
    match value:
        case dict():
            for key, inner in value.items():
                yield f"{path}.{key}", value, key
                yield from places(inner, f"{path}.{key}")
        case list():
            for index, inner in enumerate(value):
                yield f"{path}[{index}]", value, index
                yield from places(inner, f"{path}[{index}]")


@pytest.mark.parametrize("client", APPS)
def test_an_answer_made_by_the_facts_is_read(client: Client) -> None:
    told = {endpoint: problems(client, endpoint, good(endpoint, client)) for endpoint in ENDPOINTS}
    assert {endpoint: found for endpoint, found in told.items() if found} == {}


def another_type(value: object) -> object:
    return {str: 5, int: "5", float: "1.5", dict: [], list: {}}[type(value)]


MUTATIONS: dict[str, Callable[[object], object]] = {
    "null": lambda _: None,
    "a boolean": lambda _: True,
    "another type": another_type,
    "an empty text": lambda value: "" if not isinstance(value, str) else None,
    "missing": lambda _: REMOVE,
}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(ENDPOINTS), st.sampled_from(APPS), st.sampled_from(sorted(MUTATIONS)), st.data())
def test_every_single_mutation_is_found(endpoint: str, client: Client, mutation: str, data: st.DataObject) -> None:
    answer = good(endpoint, client)
    path, holder, key = data.draw(st.sampled_from(list(places(answer))))
    value = MUTATIONS[mutation](holder[key])
    if value is REMOVE:
        assume(isinstance(holder, dict))  # a shorter list is a good list
        del holder[key]
    else:
        holder[key] = value
    told = problems(client, endpoint, answer)
    assert any(found.startswith(path) for found in told) or (told and endpoint == "search"), (path, told)
