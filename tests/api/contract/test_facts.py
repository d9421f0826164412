"""The facts of the contract, and that the wire objects match them."""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

from api import wire
from api.contract.facts import Kind, ListOf, Named, OneOf, Record, Shape, Value, Words, load, parse_shape
from api.wire.feed import FeedItem
from api.wire.person import Duet, Story, User, Video
from api.wire.sound import Sound
from api.wire.values import wire_time

FACTS = load()
CRITICAL = {
    "registerUser",
    "showUserDetail",
    "showRelatedVideos",
    "liveStream",
    "showGifts",
    "sendGift",
    "showCoinWorth",
    "purchaseCoin",
}
WIRE = [
    found
    for module in pkgutil.iter_modules(wire.__path__, f"{wire.__name__}.")
    for found in vars(importlib.import_module(module.name)).values()
    if isinstance(found, type) and issubclass(found, msgspec.Struct) and found.__module__ == module.name
]
WIRE_OBJECTS = {struct.__name__: struct for struct in WIRE if struct.__name__ in FACTS.objects}


def inside(shape: Shape) -> Iterator[Shape]:
    yield shape
    match shape:
        case ListOf(item):
            yield from inside(item)
        case OneOf(options):
            for option in options:
                yield from inside(option)
        case Record(required, optional, extends):
            if extends is not None:
                yield Named(extends)
            for member in (*required.values(), *optional.values()):
                yield from inside(member)


def all_shapes() -> Iterator[Shape]:
    for endpoint in FACTS.endpoints.values():
        yield from inside(endpoint.msg)
        for shape in (*endpoint.top_level.values(), *endpoint.client_variants.values()):
            yield from inside(shape)
    for facts in FACTS.objects.values():
        for shape in (*facts.always.values(), *facts.conditional.values(), *facts.optional.values()):
            yield from inside(shape)


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_endpoint_of_the_contract_is_there() -> None:
    assert len(FACTS.endpoints) == 138
    assert len({name.lower() for name in FACTS.endpoints}) == 138, "paths are matched ignoring case"


def test_the_critical_eight_come_first() -> None:
    assert {name for name, endpoint in FACTS.endpoints.items() if endpoint.priority == 1} == CRITICAL


def test_a_call_without_a_session_may_come_from_a_guest() -> None:
    assert all(endpoint.guest_allowed for endpoint in FACTS.endpoints.values() if endpoint.auth == "none")
    assert not FACTS.endpoints["sendGift"].guest_allowed


def test_uploads_are_multipart_and_their_file_part_is_called_video() -> None:
    uploads = {name: e.request for name, e in FACTS.endpoints.items() if e.content_type == "multipart"}
    assert set(uploads) == {"postVideo", "editVideo", "addUserProfileVideo"}
    files = {key for e in FACTS.endpoints.values() for key, field in e.request.items() if field.type == "file"}
    assert files == {"video"}


def test_only_one_alias_is_another_word_than_the_endpoint() -> None:
    sent = {
        alias.replace("%20", "").strip("/").split("/")[-1].lower(): name.lower()
        for name, endpoint in FACTS.endpoints.items()
        for alias in endpoint.aliases
    }
    assert {alias: name for alias, name in sent.items() if alias != name} == {"privacypolicy": "addprivacysetting"}


def test_every_object_that_a_shape_names_is_described() -> None:
    assert {shape.name for shape in all_shapes() if isinstance(shape, Named)} <= set(FACTS.objects)


def test_an_object_is_asked_for_by_every_endpoint_that_moves_the_callers_coins() -> None:
    for name in ("sendGift", "purchaseCoin", "watchLiveStream", "withdrawRequest", "addPromotion"):
        msg = FACTS.endpoints[name].msg
        assert isinstance(msg, Record)
        assert msg.required["User"] == Named("User")


@pytest.mark.parametrize(
    ("raw", "shape"),
    [
        ("id", Value(Kind.ID)),
        ("User", Named("User")),
        ("words:,Follow Back", Words(("", "Follow Back"))),
        ("text|object", OneOf((Value(Kind.TEXT), Value(Kind.OBJECT)))),
        (["User"], ListOf(Named("User"))),
        ({"id": "id", "Sound?": "Sound"}, Record({"id": Value(Kind.ID)}, {"Sound": Named("Sound")}, None)),
        ({"...": "User", "Video": ["Video"]}, Record({"Video": ListOf(Named("Video"))}, {}, "User")),
        ({"|": ["text", "int"]}, OneOf((Value(Kind.TEXT), Value(Kind.INT)))),
    ],
)
def test_a_shape_is_read_as_the_loader_says(raw: object, shape: Shape) -> None:
    assert parse_shape(raw) == shape


@pytest.mark.parametrize("raw", ["txt", "", 7, None, [], ["id", "id"], {"id": "integer"}, {"...": 1}])
def test_what_is_no_shape_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="not"):
        parse_shape(raw)


# ── the wire objects ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", sorted(WIRE_OBJECTS))
def test_a_wire_object_has_the_keys_of_its_facts(name: str) -> None:
    facts = FACTS.objects[name]
    fields = msgspec.structs.fields(WIRE_OBJECTS[name])
    keys = {field.encode_name for field in fields}
    left_out = {field.encode_name for field in fields if field.default is msgspec.UNSET}
    assert facts.always.keys() <= keys - left_out
    assert keys - facts.always.keys() <= facts.conditional.keys() | facts.optional.keys()
    assert left_out <= facts.conditional.keys() | facts.optional.keys()


def test_most_objects_of_the_live_path_are_there() -> None:
    assert WIRE_OBJECTS.keys() >= {
        "User", "PushNotification", "PrivacySetting", "BlockUser", "Sound", "Location", "Video", "FeedItem", "Gift", "GiftSend",
        "LiveStreaming", "PurchaseCoin", "CoinWorth",
    }  # fmt: skip


def test_each_object_has_a_public_name_of_its_own() -> None:
    assert sorted(struct.__name__ for struct in WIRE) == sorted({struct.__name__ for struct in WIRE})


def test_a_neutral_value_is_never_null() -> None:
    answer = msgspec.json.encode(FeedItem(video=Video(), user=User()))
    assert b"null" not in answer
    assert b"true" not in answer.replace(b'"allow_comments":"true"', b"")


def test_what_was_sent_reads_back_as_the_same() -> None:
    item = FeedItem(
        video=Video(id=1, sound=Sound(id=2), duet=Duet(user=User(id=3))),
        user=User(story=[Story(video=Video(id=4))]),
    )
    assert msgspec.json.decode(msgspec.json.encode(item), type=FeedItem) == item


def test_the_wire_has_no_zone_and_no_fraction_of_a_second() -> None:
    summer = dt.timezone(dt.timedelta(hours=2))
    assert wire_time(dt.datetime(2026, 7, 1, 1, 30, 0, 999_000, tzinfo=summer)) == "2026-06-30 23:30:00"
    assert wire_time(None) == "0000-00-00 00:00:00"


def test_a_time_without_zone_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="without zone"):
        wire_time(dt.datetime(2026, 7, 1))  # noqa: DTZ001
