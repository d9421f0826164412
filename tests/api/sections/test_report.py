"""Reports, decisions and appeals, as the apps call them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.sections import report
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox.model import OWN
from control_plane.inbox.own_matters import tell_of_own
from control_plane.reports import reporting
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.api.sections.posting import posted
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, make_private
from tests.control_plane.videos.rows import ADD_VIDEO, add_stored

THANKS = report.THANKS
NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}


@pytest.fixture
async def bob(apps: Apps) -> UserId:
    return await new_user(apps.database, "bob")


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


async def open_reports(apps: Apps) -> int:
    number: int = await apps.database.fetchval("select count(*) from report where closed_at is null")
    return number


@pytest.mark.parametrize("app", APPS)
async def test_reasons_are_shown_to_guests_of_every_app(apps: Apps, app: Client) -> None:
    without_a_body = await posted(apps.http, "showReportReasons", app)
    for body in ({}, {"user_id": "0"}):
        assert await apps.call("showReportReasons", app=app, **body) == without_a_body
        reasons = [entry["ReportReason"] for entry in await apps.done("showReportReasons", app=app, **body)]
        assert len(reasons) >= 10
        assert all(reason["title"] and reason["title"] == reason["reason"] for reason in reasons)
        assert len({reason["id"] for reason in reasons}) == len(reasons)


@pytest.mark.parametrize("app", APPS)
async def test_each_app_reports_a_user(apps: Apps, ann: UserId, token: str, bob: UserId, app: Client) -> None:
    answer = await apps.done("reportUser", token, app, **body_of(app, ann, bob))
    assert answer == THANKS
    row = await apps.database.fetchrow(
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
    apps: Apps, ann: UserId, token: str, bob: UserId, body: dict[str, Any], code: int, text: str
) -> None:
    ids = {"BOB": str(bob), "ANN": str(ann)}
    body = {name: ids.get(value, value) for name, value in body.items()}
    for app in (Client.ANDROID, Client.IOS):
        answer = await apps.call("reportUser", token, app, **body)
        assert answer["code"] == code
        assert answer["msg"] == text
    assert await apps.database.fetchval("select count(*) from report") == 0


async def test_a_long_description_is_cut(apps: Apps, token: str, bob: UserId) -> None:
    await apps.done("reportUser", token, report_user_id=bob, report_reason_id=1, description="x" * 1500)
    assert await apps.database.fetchval("select length(description) from report") == 1000


async def test_who_may_report_whom(apps: Apps, ann: UserId, token: str, bob: UserId) -> None:
    """Blocks in both directions do not prevent a report; users whom no one sees cannot be reported, guests do not report."""
    reported: dict[str, Any] = {"report_user_id": bob, "report_reason_id": 1}
    for app in APPS:
        assert (await apps.call("reportUser", app=app, **reported))["code"] == NO_SESSION[app]
        assert (await apps.call("reportStream", app=app, live_streaming_id=1))["code"] == NO_SESSION[app]
    await block(apps.database, bob, ann)
    await block(apps.database, ann, bob)
    await apps.done("reportUser", token, **reported)
    banned, deleted = [await new_user(apps.database) for _ in range(2)]
    await ban(apps.database, banned)
    await apps.database.execute("update app_user set deleted_at = now() where id = $1", deleted)
    for user_id in (banned, deleted):
        answer = await apps.call("reportUser", token, report_user_id=user_id, report_reason_id=1)
        assert (answer["code"], answer["msg"]) == (201, "There is no such user.")
    await apps.ban(ann)
    assert (await apps.call("reportUser", token, **reported))["code"] != 200


async def test_a_caller_who_is_only_named_cannot_report(dsn: str, database: Database, tmp_path: Path) -> None:
    async with apps_of(dsn, database, tmp_path, dev=False, body_identity=True) as apps:
        ann, bob = [await new_user(apps.database) for _ in range(2)]
        answer = await apps.call("reportUser", app=Client.ANDROID, **body_of(Client.ANDROID, ann, bob))
        assert answer["code"] == 501
        assert await open_reports(apps) == 0


async def test_two_reports_of_one_user_at_once_are_one(apps: Apps, token: str, bob: UserId) -> None:
    body: dict[str, Any] = {"report_user_id": bob, "report_reason_id": 1}
    answers = await asyncio.gather(*(apps.call("reportUser", token, **body) for _ in range(8)))
    assert sorted(answer["code"] for answer in answers) == [200] + 7 * [201]
    assert {answer["msg"] for answer in answers} == {THANKS, "You have reported this already. We are looking at it."}
    assert await open_reports(apps) == 1
    await apps.done("reportStream", token, live_streaming_id=await new_stream(apps.database, bob), reason_id=1)


async def test_many_users_report_one_at_once(apps: Apps, token: str, bob: UserId) -> None:
    """All keep the same picture."""
    picture = await apps.platform.stored.files.add("pictures", b"bob", "jpg", owner=bob)
    async with apps.database.transaction() as connection:
        await connection.execute("update app_user set profile_pic = $2 where id = $1", bob, picture)
        await apps.platform.stored.files.use(connection, f"user/{bob}/picture", [picture])
    tokens = [await apps.token(await new_user(apps.database)) for _ in range(64)]
    body: dict[str, Any] = {"report_user_id": bob, "report_reason_id": 1}
    answers = await asyncio.gather(*(apps.call("reportUser", each, **body) for each in tokens))
    assert [answer["msg"] for answer in answers] == [THANKS] * 64
    assert await open_reports(apps) == 64
    uses = await apps.database.fetchval("select count(*) from file_use where used_by like 'report/%'")
    assert uses == 64


async def test_the_limits_hold_for_calls_at_once(
    apps: Apps, token: str, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each limit by itself; other users are not affected."""
    monkeypatch.setattr(reporting, "MOST_A_DAY", 3)
    others = [await new_user(apps.database) for _ in range(8)]

    async def reported(to: str) -> list[int]:
        bodies: list[dict[str, Any]] = [{"report_user_id": other, "report_reason_id": 1} for other in others]
        answers = await asyncio.gather(*(apps.call("reportUser", to, **body) for body in bodies))
        return sorted(answer["code"] for answer in answers)

    assert await reported(token) == 3 * [200] + 5 * [201]
    await apps.database.execute("update report set created_at = created_at - interval '25 hours'")
    assert await reported(token) == 3 * [200] + 5 * [201]
    monkeypatch.setattr(reporting, "MOST_A_DAY", 100)
    monkeypatch.setattr(reporting, "MOST_OPEN", 7)
    assert await reported(token) == [200] + 7 * [201]
    assert await reported(await apps.token(await new_user(apps.database))) == 7 * [200] + [201]


async def test_a_stream_is_reported_with_its_picture(apps: Apps, token: str, ann: UserId, bob: UserId) -> None:
    stream_id = await new_stream(apps.database, bob, title="Poker", status="live", source_id="a")
    file = apps.platform.settings.data_dir / "media" / "thumbnails" / f"{stream_id}.jpg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"the picture")
    bodies: dict[Client, dict[str, Any]] = {
        Client.ANDROID: {"live_streaming_id": str(stream_id), "report_reason_id": "8"},
        Client.IOS: {"live_streaming_id": 4711, "reason_id": 8},
    }
    for app, body in bodies.items():
        answer = await apps.call("reportStream", token, app, **body)
        assert answer["msg"] == (THANKS if app is Client.ANDROID else "There is no such stream.")
    file.unlink()
    row = await apps.database.fetchrow("select user_id, evidence->>'title' as title, files from report")
    assert row is not None
    assert (row["user_id"], row["title"]) == (bob, "Poker")
    [name] = row["files"]
    assert name.startswith("private/")
    storage = apps.platform.stored.files.storage
    assert b"".join([part async for part in storage.read(name)]) == b"the picture"
    own = await apps.call("reportStream", await apps.token(bob), live_streaming_id=stream_id, reason_id=1)
    assert (own["code"], own["msg"]) == (201, "You cannot report yourself.")


@pytest.mark.parametrize("app", APPS)
async def test_every_app_reads_in_the_inbox_what_operators_decided(
    apps: Apps, ann: UserId, token: str, app: Client
) -> None:
    """The sender is the user, because no other one is."""
    async with apps.database.transaction() as connection:
        for kind in sorted(OWN):
            await tell_of_own(connection, kind, 7, "No insults.", [ann])
    entries = await apps.done("showAllNotifications", token, app, starting_point="0")
    assert {entry["Notification"]["type"] for entry in entries} == OWN
    for entry in entries:
        assert entry["Notification"]["string"].endswith(": No insults.")
        assert (entry["Sender"]["id"], entry["Receiver"]["id"]) == (ann, ann)
    assert await apps.done("showUnReadNotifications", token, app) == len(OWN)


async def decided(apps: Apps, user_id: UserId, action: str = "remove", kind: str = "user", days_ago: int = 0) -> int:
    decision_id: int = await apps.database.fetchval(
        """
        insert into report_decision (kind, thing_id, user_id, action, why, until, decided_at)
        values ($1, $2::text, $3, $4, 'No insults.', case when $4 = 'suspend' then now() + interval '1 day' end,
            now() - make_interval(days => $5)) returning id
        """,
        kind,
        str(user_id),
        user_id,
        action,
        days_ago,
    )
    return decision_id


@pytest.mark.parametrize("app", APPS)
async def test_a_user_reads_and_appeals_a_decision(
    apps: Apps, ann: UserId, token: str, bob: UserId, app: Client
) -> None:
    other, nothing = await decided(apps, bob), await decided(apps, ann, "none")
    decision_id = await decided(apps, ann)
    entries = await apps.done("showReportDecisions", token, app, user_id=str(ann))
    assert [entry["Decision"] | {"created": ""} for entry in entries] == [
        {
            "id": decision_id,
            "action": "remove",
            "kind": "user",
            "thing_id": str(ann),
            "text": "We have removed the texts and pictures of your profile.",
            "why": "No insults.",
            "until": "0000-00-00 00:00:00",
            "lifted": "0000-00-00 00:00:00",
            "appeal": "none",
            "answer": "",
            "created": "",
        }
    ]
    for wrong in (other, nothing, 4711):
        answer = await apps.call("appealReport", token, app, decision_id=wrong, text="No!")
        assert answer["code"] == 201
        assert answer["msg"] == "There is no such decision about your account, or the code is wrong."
    assert (await apps.call("appealReport", token, app, decision_id=decision_id, text=" "))["code"] == 400
    body = {"decision_id": str(decision_id), "text": "It was a joke."}
    answers = await asyncio.gather(*(apps.call("appealReport", token, app, **body) for _ in range(4)))
    assert sorted(answer["code"] for answer in answers) == [200, 201, 201, 201]
    assert "cannot be appealed" in max(answers, key=lambda answer: int(answer["code"]))["msg"]
    [entry] = await apps.done("showReportDecisions", token, app)
    assert entry["Decision"]["appeal"] == "open"


async def test_a_suspended_user_appeals_without_a_session(apps: Apps, ann: UserId, token: str) -> None:
    decision_id = await decided(apps, ann, "suspend")
    await apps.ban(ann)
    refused = await apps.call("appealReport", decision_id=decision_id, text="No!", code="wrong")
    assert refused["code"] == 201
    code = apps.platform.reports.appeals.code(decision_id)
    await apps.done("appealReport", decision_id=decision_id, text="No!", code=code)
    assert await apps.database.fetchval("select appeal from report_decision where id = $1", decision_id) == "No!"


async def test_a_named_caller_neither_reads_nor_appeals_decisions(dsn: str, database: Database, tmp_path: Path) -> None:
    async with apps_of(dsn, database, tmp_path, dev=False, body_identity=True) as apps:
        ann = await new_user(database)
        decision_id = await decided(apps, ann)
        assert (await apps.call("showReportDecisions", app=Client.ANDROID, user_id=ann))["code"] == 501
        appeal = await apps.call("appealReport", app=Client.ANDROID, user_id=ann, decision_id=decision_id, text="No!")
        assert appeal["code"] == 201


async def test_the_number_of_queries_is_fixed(apps: Apps, ann: UserId, token: str) -> None:
    """However many decisions there are, and reports by others. A page of the list is one."""
    await apps.done("showReportDecisions", token)  # reads the session, too
    counts = set()
    for number in (0, 1, 25):
        for _ in range(number):
            await decided(apps, ann)
        counts.add(await apps.queries("showReportDecisions", token))
        counts.add(await apps.queries("showReportDecisions", token, starting_point=1))
    assert len(counts) == 1
    await apps.done("showReportReasons")
    assert await apps.queries("showReportReasons") == 0


@pytest.mark.parametrize("app", APPS)
async def test_each_app_reports_a_video(apps: Apps, ann: UserId, token: str, bob: UserId, app: Client) -> None:
    files = apps.platform.stored.files
    video = await add_stored(apps.database, files, bob, {"media": b"video", "small": b"small", "poster": b"poster"})
    number = int if app is Client.IOS else str
    reason = "reason_id" if app is Client.DOCUMENT else "report_reason_id"
    body: dict[str, Any] = {"user_id": number(ann), "video_id": number(video), reason: number(4), "description": "!"}
    answer = await apps.done("reportVideo", token, app, **body)
    sent = answer["ReportVideo"]
    assert (sent["user_id"], sent["video_id"], sent["report_reason_id"], sent["description"]) == (ann, video, 4, "!")
    assert sent["report_reason_title"] == "Harassment or bullying"
    assert (answer["User"]["id"], answer["Video"]["id"], answer["Video"]["User"]["id"]) == (ann, video, bob)
    row = await apps.database.fetchrow("select kind, thing_id, user_id, files from report")
    assert row is not None
    assert (row["kind"], row["thing_id"], row["user_id"]) == ("video", str(video), bob)
    kept = [b"".join([part async for part in files.storage.read(name)]) for name in row["files"]]
    assert sorted(kept) == [b"poster", b"small"]


async def test_bad_reports_of_videos_are_refused(apps: Apps, ann: UserId, token: str, bob: UserId) -> None:
    seen, own = [await apps.database.fetchval(ADD_VIDEO, user) for user in (bob, ann)]
    shy, blocking = [await new_user(apps.database) for _ in range(2)]
    await make_private(apps.database, shy)
    await block(apps.database, blocking, ann)
    unseen = [await apps.database.fetchval(ADD_VIDEO, user) for user in (shy, blocking)]
    reason = {"report_reason_id": "1"}
    refusals: list[tuple[dict[str, Any], int, str]] = [
        (reason, 400, "video_id is missing."),
        ({"video_id": seen}, 400, "report_reason_id is missing."),
        ({"video_id": seen, "report_reason_id": "99"}, 201, "Please choose one of the listed reasons."),
        ({"video_id": own, **reason}, 201, "You cannot report yourself."),
        *[({"video_id": video, **reason}, 201, "There is no such video.") for video in (*unseen, 2**31 - 1)],
    ]
    for body, code, text in refusals:
        for app in APPS:
            answer = await apps.call("reportVideo", token, app, **body)
            assert (answer["code"], answer["msg"]) == (code, text)
    for app in APPS:
        answer = await apps.call("reportVideo", "", app, video_id=seen, report_reason_id="1")
        assert answer["code"] == NO_SESSION[app]
    assert await open_reports(apps) == 0
    await apps.done("reportVideo", token, video_id=seen, report_reason_id="1")
    again = await apps.call("reportVideo", token, video_id=seen, report_reason_id="1")
    assert (again["code"], again["msg"]) == (201, "You have reported this already. We are looking at it.")
