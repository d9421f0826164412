"""Invalid input to every endpoint: the answer is an envelope with a message, and nothing has changed."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from api.contract.endpoint import Access, Endpoint
from api.sections import registry
from tests.end_to_end.platform import Stagedoor

pytestmark = pytest.mark.timeout(180)

DEEP = b'{"user_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BODIES = {
    "not JSON": b"{",
    "a list": b"[1, 2]",
    "a text": b'"hello"',
    "invalid UTF-8": b'{"user_id": "\xff\xfe"}',
    "nested deeply": DEEP,
    "five megabytes": b'{"user_id": "' + b"x" * 5_000_000 + b'"}',
    "a number that no double holds": b'{"user_id": 1e309}',
    "not a number": b'{"user_id": NaN}',
}
VALUES: tuple[Any, ...] = (
    -1,
    0,
    2**40,
    1.5,
    True,
    [],
    {},
    "x" * 5000,
    "\0",
    "' or 1=1 --",
    "１２",
    "-5",
    "1e9",
    "null",
)
ENDPOINTS = registry(dev=True).endpoints
SETTERS = {"addDeviceData", "addPrivacySetting", "editProfile"}
"""They accept some of these values and change the caller's record, which is right."""


def named(endpoint: Endpoint) -> tuple[str, ...]:
    """What a sentence about a malformed request may begin with."""
    return (*endpoint.request.__struct_fields__, *endpoint.uploads)


async def post(stagedoor: Stagedoor, endpoint: str, body: bytes, token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with stagedoor.session.post(
        stagedoor.url(f"/api/{endpoint}"), data=io.BytesIO(body), headers=headers
    ) as response:
        assert response.status == 200, (endpoint, body[:100])
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store"
        answer: dict[str, Any] = json.loads(await response.read())
        return answer


async def test_a_body_that_is_no_json_object_is_malformed(stagedoor: Stagedoor) -> None:
    wrong = []
    for endpoint in ENDPOINTS:
        for what, body in BODIES.items():
            answer = await post(stagedoor, endpoint.name, body)
            if answer["code"] not in {400, 401} or not isinstance(answer["msg"], str):
                wrong.append((endpoint.name, what, answer))
    assert wrong == []


async def test_a_value_that_makes_no_sense_is_refused_with_the_name_of_its_field(stagedoor: Stagedoor) -> None:
    token = await stagedoor.sign_in("vic")
    before, setter = await stagedoor.done("api/showUserDetail", token), await stagedoor.sign_in("setter")
    broken = []
    for endpoint in ENDPOINTS:
        for name in endpoint.request.__struct_fields__:
            for value in VALUES:
                caller = setter if endpoint.name in SETTERS else token
                caller = await stagedoor.sign_in("leaver") if endpoint.ends_session else caller
                answer = await post(stagedoor, endpoint.name, json.dumps({name: value}).encode(), caller)
                if answer["code"] not in {200, 201, 400, 404}:
                    broken.append((endpoint.name, name, value, answer))
                if answer["code"] == 400 and not answer["msg"].startswith(named(endpoint)):
                    broken.append((endpoint.name, name, value, answer))
    assert broken == []
    after = await stagedoor.done("api/showUserDetail", token)
    assert after == before
    assert "call_broke" not in stagedoor.log


async def test_a_caller_cannot_act_as_another_user(stagedoor: Stagedoor) -> None:
    token = await stagedoor.sign_in("ada")
    for endpoint in ENDPOINTS:
        if endpoint.access is Access.OPEN or not endpoint.caller_fields:
            continue
        if endpoint.swapped_ids:  # the other id is whom the call is about, in whichever field it comes
            continue
        answer = await post(stagedoor, endpoint.name, json.dumps({endpoint.caller_fields[0]: "2"}).encode(), token)
        assert answer["code"] == 201, (endpoint.name, answer)
        assert endpoint.caller_fields[0] in answer["msg"]


async def test_money_never_moves_without_a_session(stagedoor: Stagedoor) -> None:
    await stagedoor.go_live(await stagedoor.sign_in("ada"))
    gift = {"sender_id": "2", "receiver_id": "1", "gift_id": "1", "gift_count": 1}
    assert (await stagedoor.call("api/sendGift", **gift))["code"] == 401
    assert (await stagedoor.call("api/purchaseCoin", user_id="2", transaction_id="x"))["code"] == 401
    assert (await stagedoor.call("sandbox/purchases", coin=100))["code"] == 401


async def test_a_gift_to_neither_a_person_nor_a_stream_names_the_missing_fields(stagedoor: Stagedoor) -> None:
    answer = await stagedoor.call("api/sendGift", await stagedoor.sign_in("ada"), gift_id=1, gift_count=1)
    assert answer == {"code": 400, "msg": "receiver_id, live_streaming_id or video_id is missing."}


async def test_a_bad_session_is_told_as_each_app_understands_it(stagedoor: Stagedoor) -> None:
    for client, code in {"ios": 401, "android": 501, "android_kt": 501, "document": 401}.items():
        headers = {"Api-Key": stagedoor.run["api_keys"][client], "Auth-Token": "long.gone"}
        for endpoint, told in {"sendGift": code, "showUserDetail": 201}.items():
            async with stagedoor.session.post(stagedoor.url(f"/api/{endpoint}"), json={}, headers=headers) as response:
                assert (await response.json())["code"] == told, (client, endpoint)


async def test_the_paths_that_apps_really_send(stagedoor: Stagedoor) -> None:
    paths = [
        "/api//showGifts",
        "/api/SHOWGIFTS/",
        "/showGifts",
        "/api/showGifts%20",
        "/API/showgifts",
        "//api/showGifts",
    ]
    for path in paths:
        async with stagedoor.session.post(stagedoor.url(path)) as response:
            assert (await response.json())["code"] == 200, path


async def test_an_unknown_endpoint_a_wrong_method_and_a_wrong_key(stagedoor: Stagedoor) -> None:
    assert (await stagedoor.call("api/showSounds"))["code"] == 404
    assert (await stagedoor.call("api/nothing"))["code"] == 404
    async with stagedoor.session.get(stagedoor.url("/api/showGifts")) as response:
        assert (await response.json())["code"] == 400
    async with stagedoor.session.get(stagedoor.url("/nothing")) as response:
        assert response.status == 404
    async with stagedoor.session.post(stagedoor.url("/api/showGifts"), headers={"Api-Key": "wrong"}) as response:
        assert (await response.json())["code"] == 202
