"""addDailyCheckin and showDailyCheckins, as each app calls them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.ledger.books import audit
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import WatchedDatabase

COINS = 5


@pytest.fixture
async def giving(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Apps]:
    async with apps_of(dsn, database, tmp_path, checkin_coins=COINS) as apps:
        yield apps


@pytest.mark.parametrize("app", APPS)
async def test_a_check_in_counts_once_a_day_and_the_amount_is_the_servers(giving: Apps, app: Client) -> None:
    ann = await new_user(giving.database, "ann")
    token = await giving.token(ann)
    before = await giving.done("showDailyCheckins", token, app, user_id=str(ann))
    assert before == {"DailyCheckin": [], "checked_in": 0, "streak": 0, "coin": COINS}
    made = await giving.done("addDailyCheckin", token, app, user_id=str(ann), coin="1000000")
    assert (made["User"]["id"], made["User"]["wallet"]) == (ann, COINS)
    checkin = made["DailyCheckin"]
    assert (checkin["user_id"], checkin["coin"], checkin["streak"]) == (ann, COINS, 1)
    again = await giving.call("addDailyCheckin", token, app, user_id=str(ann), coin=1)
    assert (again["code"], again["msg"]) == (
        201,
        "You have already checked in today. The next check-in is possible tomorrow (UTC).",
    )
    after = await giving.done("showDailyCheckins", token, app, user_id=str(ann))
    assert after == {"DailyCheckin": [checkin], "checked_in": 1, "streak": 1, "coin": COINS}
    assert await audit(giving.database) == COINS


async def test_without_coins_check_ins_are_recorded(apps: Apps, token: str) -> None:
    made = await apps.done("addDailyCheckin", token)
    assert (made["User"]["wallet"], made["DailyCheckin"]["coin"], made["DailyCheckin"]["streak"]) == (0, 0, 1)
    assert (await apps.done("showDailyCheckins", token))["coin"] == 0
    assert (await apps.call("addDailyCheckin", token))["code"] == 201


async def test_who_may_check_in(apps: Apps, token: str, ann: UserId) -> None:
    ben = await new_user(apps.database, "ben")
    for endpoint in ("addDailyCheckin", "showDailyCheckins"):
        assert (await apps.call(endpoint))["code"] == 401, "a guest"
        assert (await apps.call(endpoint, token, user_id=ben))["code"] != 200, "for another user"
    assert (await apps.call("addDailyCheckin", user_id=ann))["code"] == 401, "named by the body, not by a session"
    assert (await apps.call("addDailyCheckin", "", Client.ANDROID_KT, user_id=ann))["code"] == 501
    await apps.ban(ann)
    assert (await apps.call("addDailyCheckin", token))["code"] != 200
    assert await apps.database.fetchval("select count(*) from daily_checkin") == 0


async def test_a_list_of_any_length_is_one_query(apps: Apps, token: str, ann: UserId) -> None:
    await apps.database.execute(
        "insert into daily_checkin (user_id, day, streak, coins)"
        " select $1, (now() at time zone 'utc')::date - n, 100 - n, 0 from generate_series(1, 99) as n",
        ann,
    )
    shown = await apps.done("showDailyCheckins", token)
    assert (len(shown["DailyCheckin"]), shown["checked_in"], shown["streak"]) == (31, 0, 99)
    assert await apps.queries("showDailyCheckins", token) == 1
