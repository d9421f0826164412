"""deleteUserAccount as each app calls it, what others see afterwards, and how the account comes back."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
from pathlib import Path

import pytest

from api.contract.client import Client
from control_plane.accounts import deletion_store, store
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.wallets import wallet
from control_plane.live.store import totals
from control_plane.personal_data import deletion
from control_plane.personal_data.removal import remove_deleted_accounts
from tests.api.sections.apps import Apps, apps_of
from tests.control_plane.personal_data.test_tables import FATES
from tests.control_plane.pictures.samples import quarters, saved
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.postgres import by_owner

NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}
REFERENCES = """
    select conrelid::regclass::text as name, attname as column_name from pg_constraint
    join pg_attribute on attrelid = conrelid and attnum = conkey[1]
    where contype = 'f' and confrelid = 'app_user'::regclass
"""
PEOPLE = """
    select username, first_name, email, phone, password_hash, social_id, profile_pic, dob from app_user where id = $1
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second call confirms however early it comes."""
    monkeypatch.setattr(deletion, "CONFIRMS_AFTER_S", 0.0)


async def references(database: Database) -> list[tuple[str, str]]:
    """Tables and columns that refer to a user."""
    return [(row["name"], row["column_name"]) for row in await database.fetch(REFERENCES)]


async def remove(apps: Apps, *, days_later: float) -> None:
    """Run the job as many days after now."""
    await apps.platform.database.execute(
        "update app_user set deleted_at = deleted_at - $1::interval where removed_at is null",
        dt.timedelta(days=days_later),
    )
    await remove_deleted_accounts.function(apps.platform.personal_data.removal)


async def film(apps: Apps, user_id: UserId) -> None:
    await apps.platform.database.execute(ADD_VIDEO, user_id)


@pytest.mark.parametrize("app", Client)
async def test_each_app_can_delete_the_account(apps: Apps, app: Client) -> None:
    token, other_device = [await apps.sign_in("ann", app) for _ in range(2)]
    user_id = await apps.id_of(token)
    answer = await apps.done("deleteUserAccount ", token, app, user_id=str(user_id))
    assert answer.startswith("Your account is deleted. If you sign in within 30 days")
    for ended in (token, other_device):
        assert (await apps.call("showUserDetail", ended, app, username=""))["code"] in {201, NO_SESSION[app]}
        assert (await apps.call("deleteUserAccount", ended, app))["code"] == NO_SESSION[app]


async def test_stock_builds_delete_in_development_mode_only(dsn: str, database: Database, tmp_path: Path) -> None:
    async with apps_of(dsn, database, tmp_path) as apps:
        user_id = await apps.id_of(await apps.sign_in("ann"))
        await apps.done("deleteUserAccount", app=Client.ANDROID, user_id=str(user_id))
    async with apps_of(dsn, database, tmp_path / "production", dev=False, body_identity=True) as apps:
        await deletion_store.bring_back(database, user_id)
        answer = await apps.call("deleteUserAccount", app=Client.ANDROID, user_id=str(user_id))
        assert answer["code"] == 501
        assert await store.by_ids(database, [user_id]) != {}


async def test_a_deleted_account_is_seen_nowhere(apps: Apps) -> None:
    token, fan = await apps.sign_in("ann"), await apps.sign_in("ben")
    user_id, database = await apps.id_of(token), apps.platform.database
    await film(apps, user_id)
    stream = (await apps.done("liveStream", token))["LiveStreaming"]
    assert len(await apps.done("showRelatedVideos")) == 1
    await database.execute("insert into device (user_id, token) values ($1, 'phone of an old build')", user_id)
    await apps.done("deleteUserAccount", token)
    assert await database.fetchval("select count(*) from device where user_id = $1", user_id) == 0
    assert await apps.done("showRelatedVideos") == []
    for body in ({"other_user_id": user_id}, {"username": "ann"}):
        assert (await apps.call("showUserDetail", fan, **body))["code"] == 201
    assert await database.fetchval("select end_reason from stream where id = $1", stream["id"]) == "owner"
    assert list(apps.platform.streams.running.all()) == []
    assert (await apps.call("sendGift", fan, receiver_id=user_id, gift_id=1, gift_count=1))["code"] == 201
    assert (await apps.call("liveStream", app=Client.ANDROID, user_id=user_id))["code"] == 501


async def test_an_account_with_coins_is_deleted_by_the_second_call(apps: Apps, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    await adjust(apps.platform.database, user_id, 120, "a gift of the house")
    monkeypatch.setattr(deletion, "CONFIRMS_AFTER_S", 3600.0)
    for _ in range(2):  # a double tap confirms nothing
        told = await apps.call("deleteUserAccount", token, Client.IOS)
        assert told["code"] == 201
        assert told["msg"] == (
            "You still have 120 coins. They are lost with your account. Delete again within 10 minutes to confirm."
        )
    monkeypatch.setattr(deletion, "CONFIRMS_AFTER_S", 0.0)
    monkeypatch.setattr(deletion, "CONFIRMS_FOR_S", 0.0)
    assert (await apps.call("deleteUserAccount", token))["code"] == 201, "too late: asked again"
    monkeypatch.setattr(deletion, "CONFIRMS_FOR_S", 600.0)
    await apps.done("deleteUserAccount", token)
    assert await store.by_ids(apps.platform.database, [user_id]) == {}


async def test_signing_in_brings_the_account_back(apps: Apps) -> None:
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    await film(apps, user_id)
    await apps.done("deleteUserAccount", token)
    await remove(apps, days_later=29)
    back = await apps.sign_in("ann")
    assert await apps.id_of(back) == user_id
    assert len(await apps.done("showRelatedVideos")) == 1
    assert (await apps.call("showSessions", token))["code"] == 401, "the old session stays ended"
    await remove(apps, days_later=60)
    assert await apps.id_of(back) == user_id


async def test_a_banned_account_does_not_come_back(apps: Apps) -> None:
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    await apps.done("deleteUserAccount", token)
    await apps.ban(user_id)
    answer = await apps.call("registerUser", auth_token="dev:ann")
    assert "have been blocked" in answer["msg"]
    assert await store.by_ids(apps.platform.database, [user_id]) == {}


@pytest.mark.parametrize("app", Client)
async def test_guests_and_banned_users_cannot_delete(apps: Apps, app: Client) -> None:
    assert (await apps.call("deleteUserAccount", app=app))["code"] == NO_SESSION[app]
    token = await apps.sign_in("ann")
    await apps.ban(await apps.id_of(token))
    assert "have been blocked" in (await apps.call("deleteUserAccount", token, app))["msg"]


async def test_nobody_deletes_another_user(apps: Apps) -> None:
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben")
    answer = await apps.call("deleteUserAccount", ann, user_id=await apps.id_of(ben))
    assert answer["code"] == 201
    assert await apps.done("showSessions", ben) != []


# ── removed for good ──


async def test_after_the_grace_time_the_person_is_gone_and_the_money_stays(apps: Apps) -> None:
    database = apps.platform.database
    token = await apps.sign_in("ann", device_token="phone")
    user_id = await apps.id_of(token)
    await database.execute(
        """update app_user set first_name = 'Ann', email = 'ann@example.com', phone = '+41790000000', bio = 'b',
            password_hash = 'h', social_id = 's', dob = '1990-01-01', profile_pic = 'p' where id = $1""",
        user_id,
    )
    await database.execute("insert into username_change (user_id, former) values ($1, 'anna')", user_id)
    await database.execute("insert into verification_request (user_id, name) values ($1, 'Ann')", user_id)
    await database.execute("insert into contact_search (user_id, day, calls) values ($1, now(), 1)", user_id)
    await adjust(database, user_id, 5, "bonus")
    await film(apps, user_id)
    await apps.done("liveStream", token, title="Ann's show")
    await apps.done("showUserDetail", await apps.sign_in("ben"), other_user_id=user_id)
    await apps.done("editProfile", token, username="anna")
    await apps.done("editProfile", token, username="ann")
    document = {"file_data": base64.b64encode(b"%PDF-1.7").decode()}
    await apps.done("userVerificationRequest", token, attachment=document)
    for _ in range(2):
        await apps.call("deleteUserAccount", token)
    await remove(apps, days_later=31)
    row = await database.fetchrow(PEOPLE, user_id)
    assert row is not None
    assert list(row.values()) == [f"deleted.{user_id}", "", None, None, None, "", "", None]
    assert await database.fetch("select name from stored_file where state <> 'deleting'") == []
    for table, column in await references(database):
        if not FATES[f"{table}.{column}"].kept and table != "provider_token":  # until the job has revoked it
            assert await database.fetchval(f"select count(*) from {table} where {column} = $1", user_id) == 0, table
    assert await database.fetchval("select string_agg(title, '') from stream where user_id = $1", user_id) == ""
    assert (await wallet(database, user_id)).total == 5
    assert (await apps.call("showUserDetail", username=f"deleted.{user_id}"))["code"] == 201
    queued = await database.fetchval("select payload from pgqueuer where entrypoint = 'revoke_apple_token'")
    assert json.loads(queued) == {"user_id": user_id}
    again = await apps.sign_in("ann")
    assert await apps.id_of(again) != user_id


async def test_the_pictures_of_a_removed_person_are_deleted(apps: Apps) -> None:
    token = await apps.sign_in("ann")
    user_id, platform = await apps.id_of(token), apps.platform
    await platform.accounts.profile_media.set_picture(user_id, saved(quarters(), "PNG"))
    await apps.done("deleteUserAccount", token)
    await remove(apps, days_later=31)
    states = await platform.database.fetch("select state from stored_file where owner_id = $1", user_id)
    assert [row["state"] for row in states] == ["deleting", "deleting"]
    left = "select profile_pic || profile_pic_small || profile_gif || profile_video from app_user where id = $1"
    assert await platform.database.fetchval(left, user_id) == ""


async def test_a_name_that_is_taken_does_not_keep_an_account_from_being_removed(apps: Apps) -> None:
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    await apps.sign_in(f"deleted.{user_id}")
    await apps.done("deleteUserAccount", token)
    await remove(apps, days_later=31)
    name = await apps.platform.database.fetchval("select username from app_user where id = $1", user_id)
    assert name.startswith(f"deleted.{user_id}.")


async def test_an_account_that_cannot_be_removed_does_not_keep_the_others(apps: Apps) -> None:
    database, ids = apps.platform.database, []
    for name in ("ann", "ben", "cleo"):
        token = await apps.sign_in(name)
        ids.append(await apps.id_of(token))
        await apps.done("deleteUserAccount", token)
    await by_owner(database, f"alter table app_user add check (id <> {ids[1]} or removed_at is null)")
    with pytest.raises(Exception, match="check constraint"):
        await remove(apps, days_later=31)
    removed = await database.fetch("select id from app_user where removed_at is not null order by id")
    assert [row["id"] for row in removed] == [ids[0], ids[2]]


async def test_of_a_sign_in_and_the_removal_at_once_one_wins_completely(apps: Apps) -> None:
    database = apps.platform.database
    for number in range(10):
        token = await apps.sign_in(f"user-{number}")
        user_id = await apps.id_of(token)
        await apps.done("deleteUserAccount", token)
        answer, _ = await asyncio.gather(
            apps.call("registerUser", auth_token=f"dev:user-{number}"), remove(apps, days_later=31)
        )
        row = await database.fetchrow("select removed_at, deleted_at, username from app_user where id = $1", user_id)
        assert row is not None
        if answer["code"] == 200 and answer["msg"]["User"]["id"] == user_id:
            assert (row["removed_at"], row["deleted_at"], row["username"]) == (None, None, f"user-{number}")
        else:
            assert row["username"] == f"deleted.{user_id}"
            assert await database.fetchval("select count(*) from session where user_id = $1", user_id) == 0


async def test_gifts_in_flight_are_paid_completely_or_not_at_all(apps: Apps) -> None:
    database = apps.platform.database
    await database.execute("insert into gift (id, title, coins, picture) values (1, 'Rose', 1, 'rose.svg')")
    host, fan = await apps.sign_in("ann"), await apps.sign_in("ben")
    host_id, fan_id = await apps.id_of(host), await apps.id_of(fan)
    await adjust(database, fan_id, 50, "bonus")
    await apps.done("liveStream", host)
    sending = [
        apps.call("sendGift", fan, receiver_id=host_id, gift_id=1, gift_count=1, client_ref=f"gift-{number}")
        for number in range(30)
    ]
    *answers, _ = await asyncio.gather(*sending[:15], apps.call("deleteUserAccount", host), *sending[15:])
    paid = await database.fetchval("select coalesce(sum(coins), 0)::int from gift_sent")
    assert {answer["code"] for answer in answers} <= {200, 201}
    assert (await wallet(database, fan_id)).total == 50 - paid
    assert await database.fetchval("select sum(amount) from ledger_entry") == 0
    while (await apps.call("deleteUserAccount", host))["code"] == 201:  # gifts had arrived before
        pass
    assert await database.fetchval("select count(*) from stream where status <> 'ended'") == 0
    assert (await apps.call("sendGift", fan, receiver_id=host_id, gift_id=1, gift_count=1))["code"] == 201


async def test_a_deleted_giver_is_not_among_the_top_givers(apps: Apps) -> None:
    database = apps.platform.database
    await database.execute("insert into gift (id, title, coins, picture) values (1, 'Rose', 1, 'rose.svg')")
    host, fan = await apps.sign_in("ann"), await apps.sign_in("ben")
    await adjust(database, await apps.id_of(fan), 1, "bonus")
    stream_id = (await apps.done("liveStream", host))["LiveStreaming"]["id"]
    await apps.done("sendGift", fan, live_streaming_id=stream_id, gift_id=1, gift_count=1)
    async with database.connection() as connection:
        [giver] = (await totals(connection, [stream_id]))[stream_id].top_gifters
        assert giver.username == "ben"
        await apps.done("deleteUserAccount", fan)
        assert (await totals(connection, [stream_id]))[stream_id].top_gifters == []


async def test_a_page_of_the_feed_is_full_without_the_videos_of_deleted_users(apps: Apps) -> None:
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben")
    ids = [await apps.id_of(token) for token in (ben, ann)]
    for user_id in ids:  # ann's are newer
        for _ in range(10):
            await film(apps, user_id)
    await apps.done("deleteUserAccount", ann)
    page = await apps.done("showRelatedVideos")
    assert [item["User"]["username"] for item in page] == ["ben"] * 10
