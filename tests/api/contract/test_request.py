"""Decoding of request bodies: lenient where the apps are careless; otherwise an error that names the field."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.contract.request import (
    CallerId,
    ClientRef,
    Flag,
    Id,
    MalformedRequest,
    Page,
    Request,
    Text,
    caller_fields,
    decode_object,
    named_caller,
    parse,
)
from api.documentation.schemas import Schema, schemas
from api.sections.live import LiveStream
from control_plane.base.ids import LARGEST_ID
from control_plane.streams.model import Visibility

ROOT = Path(__file__).parents[3]


class Everything(Request, frozen=True, kw_only=True):
    gift_id: Id = 1
    receiver_id: Id | None = None
    user_id: CallerId | None = None
    count: int = 1
    price: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    flag: Flag = 0
    lat: float = 0.0
    text: Text = ""
    visibility: Visibility = Visibility.PUBLIC
    kind: Literal["", "like"] = ""
    users: list[int] = msgspec.field(default_factory=list)
    starting_point: Page = Page(0)

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("thirteen is bad luck")


class Keyed(Request, frozen=True, kw_only=True):
    client_ref: ClientRef | None = None


class Needy(Request, frozen=True, kw_only=True):
    gift_id: Id
    note: Text


class Gifts(Request, frozen=True, kw_only=True):
    sender_id: CallerId
    user_id: CallerId | None = None


def read(name: str, value: object) -> Any:
    return getattr(parse(Everything, {name: value}), name)


def refusal(name: str, value: object) -> str:
    with pytest.raises(MalformedRequest) as refused:
        parse(Everything, {name: value})
    return str(refused.value)


# ── the body as a whole ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", [b"", b" \r\n\t", b"{}"])
def test_an_empty_body_is_an_empty_object(body: bytes) -> None:
    assert decode_object(body) == {}


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"7", b"true"])
def test_whatever_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"^The body must be a JSON object\.$"):
        decode_object(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a": 1', id="cut off"),
        pytest.param(b'{"a": 1}{"b": 2}', id="two objects"),
        pytest.param(b"user_id=1", id="a form"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": Infinity}', id="Infinity"),
        pytest.param(b'{"a": 1e309}', id="a number that no double holds"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="a number of 5000 digits"),
        pytest.param(b'{"a": "\xff"}', id="invalid UTF-8 in a text"),
        pytest.param(b"\xff\xfe{}", id="a byte-order mark of UTF-16"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"^The body is not valid JSON: "):
        decode_object(body)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])  # noqa: PT006
def test_deep_nesting_is_refused(opening: bytes, closing: bytes) -> None:
    with pytest.raises(MalformedRequest, match=r"^The body is nested too deeply\.$"):
        decode_object(b'{"a": ' + opening * 100_000 + b"1" + closing * 100_000 + b"}")


@given(st.binary(max_size=60))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    with suppress(MalformedRequest):
        assert isinstance(decode_object(body), dict)


def test_unknown_keys_and_nulls_are_left_out() -> None:
    assert (
        parse(Everything, {"nobody_knows": [1], "text": None, "receiver_id": None, "starting_point": None})
        == Everything()
    )


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [5, "5", " 5 ", "+5", 5.0, "005"])
def test_a_whole_number_may_come_as_text(value: object) -> None:
    assert read("gift_id", value) == 5


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("five", "must be a whole number"),
        ("5.5", "must be a whole number"),
        ("0x5", "must be a whole number"),
        ("1_000", "must be a whole number"),
        ("--5", "must be a whole number"),
        ("+-5", "must be a whole number"),
        ("+", "must be a whole number"),
        ("٥", "must be a whole number"),
        ("9" * 5000, "must be a whole number"),
        (5.5, "must be a whole number"),
        (True, "must be a whole number"),
        ([5], "must be a whole number"),
        ({"id": 5}, "must be a whole number"),
    ],
)
def test_what_is_no_whole_number_is_refused_by_the_name_of_its_field(value: object, reason: str) -> None:
    assert refusal("gift_id", value) == f"gift_id {reason}."


@pytest.mark.parametrize("value", [-1, "-1", 1001, "1001", 2**63, 10**40, -(2**70)])
def test_bounds_hold_for_numbers_and_for_text(value: object) -> None:
    assert refusal("price", value) in ("price must be at least 0.", "price may be at most 1000.")


@pytest.mark.parametrize("value", [0, "0", -3, LARGEST_ID + 1, str(LARGEST_ID + 1)])
def test_an_id_is_a_positive_32_bit_integer(value: object) -> None:
    assert refusal("gift_id", value) in ("gift_id must be at least 1.", f"gift_id may be at most {LARGEST_ID}.")
    assert read("gift_id", LARGEST_ID) == LARGEST_ID


@pytest.mark.parametrize("value", ["", " ", "0", 0, 0.0, "null", None])
def test_no_id_has_many_faces(value: object) -> None:
    assert read("receiver_id", value) is None


@pytest.mark.parametrize("value", [True, "none", -1, LARGEST_ID + 1])
def test_where_an_id_may_be_absent_it_may_still_not_be_wrong(value: object) -> None:
    assert refusal("receiver_id", value).startswith(("receiver_id must be ", "receiver_id may be at most "))


def test_empty_text_for_a_number_means_that_none_came() -> None:
    assert read("count", "") == Everything().count


@pytest.mark.parametrize("value", [0, 1, "0", "1"])
def test_a_flag_is_0_or_1(value: object) -> None:
    assert read("flag", value) == int(str(value))


@pytest.mark.parametrize("value", [2, "2", -1, True, "yes"])
def test_a_flag_is_nothing_else(value: object) -> None:
    assert refusal("flag", value).startswith(("flag must be ", "flag may be at most 1."))


@pytest.mark.parametrize(("value", "number"), [("52.5", 52.5), (52, 52.0), (52.5, 52.5), ("-1e2", -100.0), ("", 0.0)])
def test_a_decimal_number_may_come_as_text(value: object, number: float) -> None:
    assert read("lat", value) == number


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1e309", "north", True, []])
def test_a_decimal_number_is_finite(value: object) -> None:
    assert refusal("lat", value) == "lat must be a number."


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("value", "page"), [(3, 3), ("3", 3), (3.0, 3), (0, 0), ("0", 0), (999_999, 999_999)])
def test_a_page_is_a_number_from_0(value: object, page: int) -> None:
    assert read("starting_point", value) == page


@pytest.mark.parametrize(
    "value", [-1, "-1", "--1", "", "first", 1.5, "1.5", True, [], {}, 10**6, 10**30, "9" * 50, None]
)
def test_any_other_page_is_the_first(value: object) -> None:
    assert read("starting_point", value) == 0


# ── text and words ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "text"), [("  hi ", "hi"), ("a\0b", "ab"), (5, "5"), (4.99, "4.99"), ("naïve 🎭", "naïve 🎭"), ("", "")]
)
def test_text_is_trimmed_and_numbers_are_text_too(value: object, text: str) -> None:
    assert read("text", value) == text


@pytest.mark.parametrize("value", [True, [], {}])
def test_what_is_no_text_is_refused(value: object) -> None:
    assert refusal("text", value) == "text must be text."


def test_text_has_a_bound() -> None:
    assert read("text", "x" * 2000) == "x" * 2000
    assert refusal("text", "x" * 2001) == "text may have at most 2000 characters."


def test_the_largest_number_of_json_is_text_like_any_other() -> None:
    fields = decode_object(b'{"text": ' + b"9" * 4300 + b"}")
    with pytest.raises(MalformedRequest, match=r"^text may have at most 2000 characters\.$"):
        parse(Everything, fields)


def test_a_word_is_one_of_those_allowed_and_may_be_left_empty() -> None:
    assert read("visibility", "pin") is Visibility.PIN
    assert read("visibility", "") is Visibility.PUBLIC
    assert refusal("visibility", "secret") == "visibility must be one of public, followers, private, pin, paid."
    assert refusal("kind", "hate") == "kind must be like."


def test_only_words_that_are_accepted_are_listed() -> None:
    with pytest.raises(MalformedRequest, match=r"^visibility must be public\.$"):
        parse(LiveStream, {"visibility": "secret"})


def test_a_sentence_stays_short_whatever_was_sent() -> None:
    assert len(refusal("visibility", "x" * 100_000)) < 300


def test_a_sentence_names_the_place_inside_a_list() -> None:
    assert refusal("users", [1, "two"]) == "users[1] must be a whole number."


def test_a_sentence_is_not_misled_by_what_was_sent() -> None:
    assert refusal("visibility", "x - at `$.price`").startswith("visibility must be one of ")


def test_a_rule_of_the_whole_model_is_told_as_it_stands() -> None:
    assert refusal("count", 13) == "thirteen is bad luck."


@pytest.mark.parametrize("fields", [{}, {"gift_id": None}, {"gift_id": ""}])
def test_a_missing_field_is_named(fields: dict[str, object]) -> None:
    with pytest.raises(MalformedRequest, match=r"^gift_id is missing\.$"):
        parse(Needy, {"note": "", **fields})


@pytest.mark.parametrize("pin", ["12", "123456789", "12a4", "١٢٣٤", "1234\n5"])
def test_a_pattern_is_told_in_words(pin: str) -> None:
    with pytest.raises(MalformedRequest, match=r"^pin must be 4 to 8 digits\.$"):
        parse(LiveStream, {"pin": pin})


@given(
    st.dictionaries(
        st.sampled_from([field.name for field in msgspec.structs.fields(LiveStream)]),
        st.integers() | st.text() | st.lists(st.none()),
    )
)
def test_no_sentence_speaks_python(fields: dict[str, Any]) -> None:
    said = ""
    try:
        parse(LiveStream, fields)
    except MalformedRequest as error:
        said = str(error)
    assert not re.search(r"`|\bstr\b|\bint\b|expected|regex|enum|\$", said)


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (r"party \ud83d", "party \ufffd"),
        (r"party \uDE00!", "party \ufffd!"),
        (r"\ud83d\ud83d\ude00", "\ufffd😀"),
        (r"\uD83D\uDE00", "😀"),
        (r"\ud83dx\ude00", "\ufffdx\ufffd"),
        (r"\ud83d\n", "\ufffd"),
        (r"C:\\ud83d", r"C:\ud83d"),
        (r"\\\ud83d", "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_is_replaced(sent: str, read_as: str) -> None:
    fields = decode_object(b'{"text": "' + sent.encode() + b'"}')
    assert parse(Everything, fields).text == read_as


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("x" * 140, "x" * 140),
        ("x" * 5000, "x" * 140),
        ("👨‍👩‍👧‍👦" * 21, "👨‍👩‍👧‍👦" * 20),
        ("🇩🇪" * 71, "🇩🇪" * 70),
        ("x" + "🇩🇪" * 71, "x" + "🇩🇪" * 69),
        ("x" * 139 + "e\u0301", "x" * 139),
        ("x" * 139 + "👍🏽", "x" * 139),
        ("e" + "\u0301" * 500, "e" + "\u0301" * 139),
    ],
)
def test_a_title_that_is_too_long_is_cut_between_characters(title: str, kept: str) -> None:
    assert parse(LiveStream, {"title": title}).title == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([field.name for field in msgspec.structs.fields(Everything)]), JSON))
def test_any_fields_make_a_request_or_a_sentence(fields: dict[str, Any]) -> None:
    with suppress(MalformedRequest):
        request = parse(Everything, fields)
        assert parse(Everything, json.loads(msgspec.json.encode(request))) == request, "what was read reads as itself"


# ── the caller ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_model_says_where_a_client_names_itself() -> None:
    assert caller_fields(Gifts) == ("sender_id", "user_id")
    assert caller_fields(Everything) == ("user_id",)
    assert caller_fields(Needy) == ()


@pytest.mark.parametrize("value", [7, "7", " 7 ", "+7", 7.0])
def test_the_caller_is_read_like_any_id(value: object) -> None:
    assert named_caller(("user_id",), {"user_id": value}) == 7 == read("user_id", value)


@pytest.mark.parametrize("value", [None, "", "0", 0, -7, "--7", True, "seven", [7], {"id": 7}, 2**40, "9" * 30])
def test_a_value_that_is_no_id_names_no_caller(value: object) -> None:
    assert named_caller(("user_id",), {"user_id": value}) is None


def test_the_most_telling_field_names_the_caller() -> None:
    fields = {"user_id": "1", "sender_id": "2"}
    assert named_caller(caller_fields(Gifts), fields) == 2
    assert named_caller(caller_fields(Gifts), {**fields, "sender_id": "0"}) == 1
    assert named_caller((), fields) is None


def test_the_documentation_knows_what_the_types_of_requests_mean() -> None:
    components = schemas([Everything], []).components
    described: Schema = components["Everything"]["properties"]
    assert described["starting_point"]["minimum"] == 0
    assert "page number" in described["starting_point"]["description"]
    assert described["user_id"] | {"description": ""} == {
        "type": "integer",
        "minimum": 1,
        "maximum": LARGEST_ID,
        "description": "",
    }


@pytest.mark.parametrize("pin", ["١٢٣٤", "１２３４", "१२३४", "123٤"])
def test_a_pin_has_digits_that_every_keyboard_has(pin: str) -> None:
    with pytest.raises(MalformedRequest, match="pin"):
        parse(LiveStream, {"visibility": "pin", "pin": pin})
    assert parse(LiveStream, {"visibility": "pin", "pin": "1234"}).pin == "1234"


def test_no_pattern_of_ours_takes_digits_of_other_scripts() -> None:
    """In Python's expressions the class of digits holds those of every script, unless they say ASCII."""
    folders = (ROOT / name for name in ("api", "control_plane", "hooks", "mediamtx"))
    found = [path for folder in folders for path in folder.rglob("*.py") if r"\d" in path.read_text()]
    assert found == []


@pytest.mark.parametrize(
    ("sent", "key"), [("tap 1", "tap 1"), ("x" * 64, "x" * 64), (7, "7"), ("", None), (None, None)]
)
def test_an_idempotency_key_is_taken_as_it_was_sent(sent: object, key: str | None) -> None:
    assert parse(Keyed, {"client_ref": sent}).client_ref == key


@pytest.mark.parametrize("sent", [" tap", "tap ", " ", "tap\0", "\ttap", "tap\n", "x" * 65, ["tap"]])
def test_a_key_that_would_have_to_be_changed_is_refused(sent: object) -> None:
    with pytest.raises(MalformedRequest, match="client_ref must"):
        parse(Keyed, {"client_ref": sent})
