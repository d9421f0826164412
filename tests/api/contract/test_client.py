"""Identification of the calling app."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from api.contract.client import Client, WrongApiKey, detect

KEYS: dict[str, str] = {
    Client.IOS: "key-i",
    Client.ANDROID: "key-a",
    Client.ANDROID_KT: "key-k",
    Client.DOCUMENT: "key-d",
}
IOS_AGENT = "Show/3.1 CFNetwork/1494.0.7 Darwin/23.4.0"
ANDROID_AGENT = "okhttp/4.12.0"


def client(**headers: str) -> Client:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return detect(CIMultiDict(named), KEYS)


@pytest.mark.parametrize("whose", Client)
def test_an_api_key_tells_the_app(whose: Client) -> None:
    assert client(Api_Key=KEYS[whose]) is whose


def test_ios_sends_forms_with_another_key() -> None:
    keys = {**KEYS, "ios_upload": "key-u"}
    assert detect(CIMultiDict({"Api-Key": "key-u"}), keys, form=True) is Client.IOS
    with pytest.raises(WrongApiKey):
        detect(CIMultiDict({"Api-Key": "key-u"}), keys)
    with pytest.raises(WrongApiKey):
        detect(CIMultiDict({"Api-Key": "key-v"}), keys, form=True)


@pytest.mark.parametrize("header", ["Api_Key", "API_KEY", "api_key"])
def test_the_header_comes_in_any_case(header: str) -> None:
    assert client(**{header: f" {KEYS[Client.ANDROID_KT]} "}) is Client.ANDROID_KT


def test_the_key_tells_more_than_what_a_request_looks_like() -> None:
    assert client(Api_Key=KEYS[Client.ANDROID], User_Agent=IOS_AGENT, Auth_Token="abc") is Client.ANDROID


@pytest.mark.parametrize("key", ["kay", "key-ii", "KEY-I", "key-i key-a", "ключ", "caf\udcc3\udca9", "\udcff"])
def test_an_unknown_api_key_is_refused(key: str) -> None:
    """The last two are how bytes that are no UTF-8 arrive."""
    with pytest.raises(WrongApiKey, match="Unknown API key") as refused:
        client(Api_Key=key, User_Agent=IOS_AGENT)
    assert key not in str(refused.value)


@pytest.mark.parametrize("key", ["", "  "])
def test_an_empty_key_is_none(key: str) -> None:
    assert client(Api_Key=key, User_Agent=IOS_AGENT) is Client.IOS


@pytest.mark.parametrize(
    ("headers", "whose"),
    [
        ({}, Client.DOCUMENT),
        ({"User_Agent": "curl/8.5.0"}, Client.DOCUMENT),
        ({"User_Agent": IOS_AGENT}, Client.IOS),
        ({"User_Agent": IOS_AGENT, "Auth_Token": "a-uid"}, Client.IOS),
        ({"User_Agent": ANDROID_AGENT}, Client.ANDROID),
        ({"User_Agent": "OkHttp/5"}, Client.ANDROID),
        ({"User_Agent": ANDROID_AGENT, "Auth_Token": "a.session.token"}, Client.ANDROID_KT),
        ({"User_Agent": ANDROID_AGENT, "Auth_Token": "null"}, Client.ANDROID),
        ({"User_Agent": ANDROID_AGENT, "Auth_Token": "0"}, Client.ANDROID),
        ({"User_Agent": ANDROID_AGENT, "Auth_Token": " "}, Client.ANDROID),
    ],
)
def test_without_a_key_the_request_tells(headers: dict[str, str], whose: Client) -> None:
    assert client(**headers) is whose


def test_the_android_apps_sign_out_on_501() -> None:
    assert {app for app in Client if app.logs_out_on_501} == {Client.ANDROID, Client.ANDROID_KT}
