"""exportUserData: everything about the caller, nothing about others, a few times a day."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from api.contract.client import Client
from api.sections.users import export as endpoint
from control_plane.base.ids import UserId
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.ledger.adjustments import adjust
from control_plane.personal_data import export
from control_plane.personal_data.export import MOST_A_DAY
from stagedoor.parts.personal_data import EXPORT_PARTS
from tests.api.sections.apps import Apps
from tests.control_plane.videos.rows import ADD_VIDEO, CLIP

NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}
NEVER = {"password_hash", "session_salt", "key_salt", "token", "device_token_hash", "fingerprint"}


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {*value, *(key for inner in value.values() for key in keys(inner))}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()


async def give(apps: Apps, sender: str, receiver_id: UserId) -> None:
    await apps.platform.database.execute(
        "insert into gift (id, title, coins, picture) values (1, 'Rose', 1, 'r.svg') on conflict do nothing"
    )
    await apps.done("sendGift", sender, receiver_id=receiver_id, gift_id=1, gift_count=2)


@pytest.mark.parametrize("app", Client)
async def test_everything_about_the_caller_is_exported(apps: Apps, app: Client) -> None:
    database = apps.platform.database
    ann, ben = await apps.sign_in("ann", app), await apps.sign_in("ben", app)
    ann_id, ben_id = await apps.id_of(ann), await apps.id_of(ben)
    await database.execute("update app_user set email = 'ann@example.com', password_hash = 'x' where id = $1", ann_id)
    await adjust(database, ben_id, 10, "bonus")
    await apps.done("liveStream", ann, title="Ann's show")
    await apps.done("liveStream", ben)
    await give(apps, ben, ann_id)
    await give(apps, ann, ben_id)
    await database.execute("update app_user set profile_view = true where id = $1", ann_id)
    await apps.done("showUserDetail", ann, other_user_id=ben_id)
    await database.execute(ADD_VIDEO, ann_id)
    await database.execute(
        "insert into audit_log (actor, act, subject) values ('cli:root', 'user.made_operator', $1)", f"user:{ann_id}"
    )

    data = await apps.done("exportUserData", ann, app)
    assert set(data) == {"exported_at", "left_off", *(part.name for part in EXPORT_PARTS)}
    [profile] = data["profile"]
    assert (profile["username"], profile["email"], profile["has_password"]) == ("ann", "ann@example.com", 1)
    assert [one["provider"] for one in data["identities"]] == ["dev"]
    assert [one["app"] for one in data["sessions"]] == [app.value]
    assert [one["title"] for one in data["streams"]] == ["Ann's show"]
    assert (data["streams"][0]["publishers"], data["settings"][0]["likes"]) == ([], 1)
    assert [(one["title"], one["count"], one["sender_id"]) for one in data["gifts_received"]] == [("Rose", 2, ben_id)]
    assert [(one["title"], one["count"], one["receiver_id"]) for one in data["gifts_sent"]] == [("Rose", 2, ben_id)]
    assert [one["operation"] for one in data["ledger_entries"]] == ["gift", "gift"]
    assert [one["id"] for one in data["visits"]] == [ben_id]
    assert len(data["videos"]) == 1
    assert [one["act"] for one in data["operator_acts"]] == ["user.made_operator"]
    assert (data["purchases"], data["left_off"]) == ([], [])
    assert keys(data) & NEVER == set()
    assert "cli:root" not in json.dumps(data)


async def test_the_export_has_no_words_of_a_video_that_became_private(apps: Apps) -> None:
    database = apps.platform.database
    ann, ben = await apps.sign_in("ann"), await apps.sign_in("ben")
    ann_id, ben_id = await apps.id_of(ann), await apps.id_of(ben)
    video_id = await database.fetchval(ADD_VIDEO, ben_id)
    async with database.transaction() as connection:
        await tell(connection, Told(Kind.VIDEO_POST, ben_id, video_id=video_id, text="My words"), [ann_id])
    assert [one["text"] for one in (await apps.done("exportUserData", ann))["inbox"]] == ["My words"]
    await database.execute("update video set privacy = 'private'")
    assert [one["text"] for one in (await apps.done("exportUserData", ann))["inbox"]] == [""]


async def test_the_export_counts_a_few_times_a_day(apps: Apps) -> None:
    token, other = await apps.sign_in("ann"), await apps.sign_in("ben")
    for _ in range(MOST_A_DAY):
        await apps.done("exportUserData", token)
    refused = await apps.call("exportUserData", token)
    assert (refused["code"], refused["msg"]) == (
        201,
        "Your data can be exported 3 times a day. Please try again tomorrow.",
    )
    await apps.done("exportUserData", other)
    await apps.platform.database.execute(
        "update data_export set exported_at = exported_at - $1::interval", dt.timedelta(days=1)
    )
    await apps.done("exportUserData", token)


async def test_a_long_list_is_read_in_pages_and_cut_off_with_a_note(
    apps: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    monkeypatch.setattr(endpoint, "MOST", 7)
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    film = f"""with clip as ({CLIP}) insert into video (user_id, content_id)
        select $1, id from clip cross join generate_series(1, $2)"""
    await apps.platform.database.execute(film, user_id, 7)
    data = await apps.done("exportUserData", token)
    assert ([one["id"] for one in data["videos"]], data["left_off"]) == ([7, 6, 5, 4, 3, 2, 1], [])
    await apps.platform.database.execute(film, user_id, 1)
    data = await apps.done("exportUserData", token)
    assert ([one["id"] for one in data["videos"]], data["left_off"]) == ([8, 7, 6, 5, 4, 3, 2], ["videos"])


@pytest.mark.parametrize("app", Client)
async def test_guests_and_banned_users_get_nothing(apps: Apps, app: Client) -> None:
    assert (await apps.call("exportUserData", app=app))["code"] == NO_SESSION[app]
    token = await apps.sign_in("ann")
    user_id = await apps.id_of(token)
    assert (await apps.call("exportUserData", app=app, user_id=user_id))["code"] == NO_SESSION[app]
    await apps.ban(user_id)
    assert "have been blocked" in (await apps.call("exportUserData", token, app))["msg"]
