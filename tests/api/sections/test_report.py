"""Reports, decisions and appeals, as the apps call them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.sections import report
from api.sections.users import pictures
from control_plane.base.ids import UserId
from control_plane.reports import reporting
from tests.api.sections.calling import APPS, Calls, calling
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block

THANKS = report.THANKS
NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}


@pytest.fixture
async def calls(dsn: str, tmp_path: Path) -> AsyncIterator[Calls]:
    async with calling(dsn, tmp_path, report.section, pictures.section) as calls:
        yield calls


@pytest.fixture
async def bob(calls: Calls) -> UserId:
    return await new_user(calls.database, "bob")


def body_of(app: Client, reporter: UserId, reported: UserId) -> dict[str, Any]:
    """As each app names the fields."""
    if app is Client.DOCUMENT:
        return {"user_id": reporter, "reported_user_id": reported, "reason_id": 4, "description": "He insults me."}
    return {
        "user_id": str(reporter),
        "report_user_id": str(reported),
        "report_reason_id": "4",
        "description": "He insults me.",
    }


async def open_reports(calls: Calls) -> int:
    number: int = await calls.database.fetchval("select count(*) from report where closed_at is null")
    return number


@pytest.mark.parametrize("app", APPS)
async def test_reasons_are_shown_to_guests_of_every_app(calls: Calls, app: Client) -> None:
    for body in (None, {}, {"user_id": "0"}):
        reasons = [entry["ReportReason"] for entry in await calls.done("showReportReasons", body, app=app)]
        assert len(reasons) >= 10
        assert all(reason["title"] and reason["title"] == reason["reason"] for reason in reasons)
        assert len({reason["id"] for reason in reasons}) == len(reasons)


@pytest.mark.parametrize("app", APPS)
async def test_each_app_reports_a_user(calls: Calls, ann: UserId, token: str, bob: UserId, app: Client) -> None:
    answer = await calls.done("reportUser", body_of(app, ann, bob), app=app, token=token)
    assert answer == THANKS
    row = await calls.database.fetchrow(
        "select reporter_id, kind, thing_id, user_id, reason_id, description from report"
    )
    assert row is not None
    assert tuple(row) == (ann, "user", str(bob), bob, 4, "He insults me.")


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({}, 400, "report_user_id is missing."),
        ({"report_user_id": "0", "report_reason_id": "1"}, 400, "report_user_id is missing."),
        ({"report_user_id": "x", "report_reason_id": "1"}, 400, "report_user_id must be a whole number."),
        ({"report_user_id": "BOB"}, 400, "report_reason_id is missing."),
        ({"report_user_id": "BOB", "report_reason_id": "99"}, 201, "Please choose one of the listed reasons."),
        ({"report_user_id": "2147483647", "report_reason_id": "1"}, 201, "There is no such user."),
        ({"report_user_id": "ANN", "report_reason_id": "1"}, 201, "You cannot report yourself."),
    ],
)
async def test_bad_reports_are_refused(
    calls: Calls, ann: UserId, token: str, bob: UserId, body: dict[str, Any], code: int, text: str
) -> None:
    ids = {"BOB": str(bob), "ANN": str(ann)}
    body = {name: ids.get(value, value) for name, value in body.items()}
    for app in (Client.ANDROID, Client.IOS):
        answer = await calls.call("reportUser", body, app=app, token=token)
        assert answer["code"] == code
        assert answer["msg"] == text
    assert await calls.database.fetchval("select count(*) from report") == 0


async def test_a_long_description_is_cut(calls: Calls, token: str, bob: UserId) -> None:
    await calls.done(
        "reportUser", {"report_user_id": bob, "report_reason_id": 1, "description": "x" * 1500}, token=token
    )
    assert await calls.database.fetchval("select length(description) from report") == 1000


async def test_who_may_report_whom(calls: Calls, ann: UserId, token: str, bob: UserId) -> None:
    """Blocks in both directions do not prevent a report; users whom no one sees cannot be reported, guests do not report."""
    reported = {"report_user_id": bob, "report_reason_id": 1}
    for app in APPS:
        assert (await calls.call("reportUser", reported, app=app))["code"] == NO_SESSION[app]
        assert (await calls.call("reportStream", {"live_streaming_id": 1}, app=app))["code"] == NO_SESSION[app]
    await block(calls.database, bob, ann)
    await block(calls.database, ann, bob)
    await calls.done("reportUser", reported, token=token)
    banned, deleted = [await new_user(calls.database) for _ in range(2)]
    await ban(calls.database, banned)
    await calls.database.execute("update app_user set deleted_at = now() where id = $1", deleted)
    for user_id in (banned, deleted):
        answer = await calls.call("reportUser", {"report_user_id": user_id, "report_reason_id": 1}, token=token)
        assert (answer["code"], answer["msg"]) == (201, "There is no such user.")
    await calls.ban(ann)
    assert (await calls.call("reportUser", reported, token=token))["code"] != 200


async def test_a_caller_who_is_only_named_cannot_report(dsn: str, tmp_path: Path) -> None:
    async with calling(dsn, tmp_path, report.section, dev=False, body_identity=True) as calls:
        ann, bob = [await new_user(calls.database) for _ in range(2)]
        answer = await calls.call("reportUser", body_of(Client.ANDROID, ann, bob), app=Client.ANDROID)
        assert answer["code"] == 501
        assert await open_reports(calls) == 0


async def test_two_reports_of_one_user_at_once_are_one(calls: Calls, token: str, bob: UserId) -> None:
    body = {"report_user_id": bob, "report_reason_id": 1}
    answers = await asyncio.gather(*(calls.call("reportUser", body, token=token) for _ in range(8)))
    assert sorted(answer["code"] for answer in answers) == [200] + 7 * [201]
    assert {answer["msg"] for answer in answers} == {THANKS, "You have reported this already. We are looking at it."}
    assert await open_reports(calls) == 1
    await calls.done(
        "reportStream", {"live_streaming_id": await new_stream(calls.database, bob), "reason_id": 1}, token=token
    )


async def test_many_users_report_one_at_once(calls: Calls, token: str, bob: UserId) -> None:
    """All keep the same picture."""
    picture = await calls.platform.stored.files.add("pictures", b"bob", "jpg", owner=bob)
    async with calls.database.transaction() as connection:
        await connection.execute("update app_user set profile_pic = $2 where id = $1", bob, picture)
        await calls.platform.stored.files.use(connection, f"user/{bob}/picture", [picture])
    tokens = [await calls.token(await new_user(calls.database)) for _ in range(64)]
    body = {"report_user_id": bob, "report_reason_id": 1}
    answers = await asyncio.gather(*(calls.call("reportUser", body, token=each) for each in tokens))
    assert [answer["msg"] for answer in answers] == [THANKS] * 64
    assert await open_reports(calls) == 64
    uses = await calls.database.fetchval("select count(*) from file_use where used_by like 'report/%'")
    assert uses == 64


async def test_the_limits_hold_for_calls_at_once(
    calls: Calls, token: str, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each limit by itself; other users are not affected."""
    monkeypatch.setattr(reporting, "MOST_A_DAY", 3)
    others = [await new_user(calls.database) for _ in range(8)]

    async def reported(to: str) -> list[int]:
        bodies = [{"report_user_id": other, "report_reason_id": 1} for other in others]
        answers = await asyncio.gather(*(calls.call("reportUser", body, token=to) for body in bodies))
        return sorted(answer["code"] for answer in answers)

    assert await reported(token) == 3 * [200] + 5 * [201]
    await calls.database.execute("update report set created_at = created_at - interval '25 hours'")
    assert await reported(token) == 3 * [200] + 5 * [201]
    monkeypatch.setattr(reporting, "MOST_A_DAY", 100)
    monkeypatch.setattr(reporting, "MOST_OPEN", 7)
    assert await reported(token) == [200] + 7 * [201]
    assert await reported(await calls.token(await new_user(calls.database))) == 7 * [200] + [201]


async def test_a_stream_is_reported_with_its_picture(calls: Calls, token: str, ann: UserId, bob: UserId) -> None:
    stream_id = await new_stream(calls.database, bob, title="Poker", status="live", source_id="a")
    file = calls.platform.settings.data_dir / "media" / "thumbnails" / f"{stream_id}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"the picture")
    bodies: dict[Client, dict[str, Any]] = {
        Client.ANDROID: {"live_streaming_id": str(stream_id), "report_reason_id": "8"},
        Client.IOS: {"live_streaming_id": 4711, "reason_id": 8},
    }
    for app, body in bodies.items():
        answer = await calls.call("reportStream", body, app=app, token=token)
        assert answer["msg"] == (THANKS if app is Client.ANDROID else "There is no such stream.")
    file.unlink()
    row = await calls.database.fetchrow("select user_id, evidence->>'title' as title, files from report")
    assert row is not None
    assert (row["user_id"], row["title"]) == (bob, "Poker")
    [name] = row["files"]
    assert name.startswith("private/")
    storage = calls.platform.stored.files.storage
    assert b"".join([part async for part in storage.read(name)]) == b"the picture"
    own = await calls.call(
        "reportStream", {"live_streaming_id": stream_id, "reason_id": 1}, token=await calls.token(bob)
    )
    assert (own["code"], own["msg"]) == (201, "You cannot report yourself.")
