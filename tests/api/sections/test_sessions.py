"""logout, showSessions and endSession, as each app calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.contract.client import Client
from control_plane.db.pool import Database
from tests.api.sections.apps import Apps, apps_of

NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}


@pytest.mark.parametrize("app", Client)
async def test_logout_ends_this_session_only(apps: Apps, app: Client) -> None:
    token, other = [await apps.sign_in("ann", app) for _ in range(2)]
    user_id = await apps.id_of(token)
    profile = await apps.done("logout", token, app, user_id=str(user_id))
    assert (profile["User"]["username"], profile["User"]["auth_token"]) == ("ann", "")
    assert await apps.platform.accounts.sessions.identify(token) is None
    assert await apps.platform.accounts.sessions.identify(other) is not None
    again = await apps.call("logout", token, app)
    assert again["code"] == NO_SESSION[app]


async def test_logout_forgets_the_phone_of_the_session(apps: Apps) -> None:
    token = await apps.sign_in("ann", device_token="phone-1")
    await apps.platform.database.execute("update app_user set device_token = 'phone-1'")
    profile = await apps.done("logout", token)
    assert profile["User"]["device_token"] == ""
    assert await apps.platform.database.fetchval("select device_token from app_user") == ""


async def test_logout_of_an_old_build_without_a_session_ends_nothing(apps: Apps) -> None:
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    profile = await apps.done("logout", app=Client.ANDROID, user_id=str(user_id))
    assert profile["User"]["username"] == "ann"
    assert await apps.platform.accounts.sessions.identify(token) is not None


async def test_sessions_are_listed_and_ended_one_by_one(apps: Apps) -> None:
    phone = await apps.sign_in("ann", Client.IOS, headers={"User-Agent": "Phone/9 CFNetwork"})
    web = await apps.sign_in("ann", headers={"User-Agent": "Browser/1"})
    await apps.sign_in("ben")
    listed = [item["Session"] for item in await apps.done("showSessions", web)]
    assert {(one["app"], one["device"], one["current"]) for one in listed} == {
        ("ios", "Phone/9 CFNetwork", 0),
        ("document", "Browser/1", 1),
    }
    assert {(one["address"], one["country"]) for one in listed} == {("127.0.0.1", "")}
    [ended] = [one["id"] for one in listed if not one["current"]]
    left = await apps.done("endSession", web, session_id=ended)
    assert [item["Session"]["current"] for item in left] == [1]
    assert await apps.platform.accounts.sessions.identify(phone) is None
    assert await apps.done("endSession", web, session_id=ended) == left, "it has ended already, which is no error"


async def test_a_session_of_another_user_cannot_be_ended(apps: Apps) -> None:
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben")
    [of_ben] = await apps.done("showSessions", ben)
    await apps.done("endSession", ann, session_id=of_ben["Session"]["id"])
    assert await apps.done("showSessions", ben) == [of_ben]


@pytest.mark.parametrize("endpoint", ["logout", "showSessions", "endSession"])
@pytest.mark.parametrize("app", Client)
async def test_guests_and_banned_users_are_refused(apps: Apps, endpoint: str, app: Client) -> None:
    body = {"session_id": "x"} if endpoint == "endSession" else {}
    assert (await apps.call(endpoint, app=app, **body))["code"] == NO_SESSION[app]
    token = await apps.sign_in("ann")
    await apps.ban(await apps.id_of(token))
    answer = await apps.call(endpoint, token, app, **body)
    assert answer["code"] == 201
    assert "have been blocked" in answer["msg"]


@pytest.mark.parametrize("session_id", [None, "", "x" * 3000, 7, "\0", [], {}])
async def test_a_session_id_that_makes_no_sense_ends_nothing(apps: Apps, session_id: object) -> None:
    token = await apps.sign_in("ann")
    answer = await apps.call("endSession", token, session_id=session_id)
    assert answer["code"] in {200, 400}
    assert len(await apps.done("showSessions", token)) == 1


async def test_the_own_session_may_be_ended(apps: Apps) -> None:
    token = await apps.sign_in("ann")
    [session] = await apps.done("showSessions", token)
    assert await apps.done("endSession", token, session_id=session["Session"]["id"]) == []
    assert (await apps.call("showSessions", token))["code"] == 401


async def test_a_call_is_noted_as_the_last_use_of_its_session(apps: Apps) -> None:
    token = await apps.sign_in("ann", headers={"User-Agent": "Old/1"})
    await apps.done("showSessions", token, headers={"User-Agent": "New/2"})
    await apps.platform.accounts.last_uses.write()
    [session] = await apps.done("showSessions", token)
    assert session["Session"]["device"] == "New/2"


@pytest.mark.parametrize(
    ("proxies", "sent", "country"),
    [
        (("127.0.0.1/32",), "ch", "CH"),
        (("127.0.0.1/32",), "XX", ""),
        (("127.0.0.1/32",), "T1", ""),
        (("127.0.0.1/32",), "Switzerland", ""),
        (("10.0.0.0/8",), "CH", ""),
        ((), "CH", ""),
    ],
)
async def test_the_country_comes_from_a_trusted_proxy_only(
    dsn: str, database: Database, tmp_path: Path, proxies: tuple[str, ...], sent: str, country: str
) -> None:
    async with apps_of(
        dsn, database, tmp_path, trusted_proxies=proxies, country_header="CF-IPCountry", dev=True
    ) as apps:
        token = await apps.sign_in("ann", headers={"CF-IPCountry": sent, "X-Forwarded-For": "192.0.2.7"})
        [session] = await apps.done("showSessions", token, headers={"CF-IPCountry": sent})
        assert session["Session"]["country"] == country
        assert session["Session"]["address"] == ("192.0.2.7" if "127.0.0.1/32" in proxies else "127.0.0.1")
