"""`stagedoor reports`: every action, who is told what, appeals, and the evidence."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from api.contract.platform import Platform
from control_plane.accounts import bans_store
from control_plane.accounts import store as accounts
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.suspensions import end_suspensions
from control_plane.base.ids import UserId
from control_plane.config.ports import Ports
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.messenger import Message
from control_plane.inbox import store as inbox
from control_plane.inbox.model import Kind
from control_plane.operations.audit import Actor
from control_plane.personal_data.removal import remove_deleted_accounts
from control_plane.reports import store
from control_plane.reports.deciding import Deciding
from control_plane.reports.metrics import ReportMetrics
from control_plane.reports.model import (
    Action,
    AlreadyClosed,
    AppealNotPossible,
    NoOpenAppeal,
    NoSuchDecision,
    NoSuchReport,
    Subject,
    WrongAction,
)
from control_plane.reports.retention import Evidence, delete_old_evidence
from control_plane.reports.telling import Telling, send_letter, tell_appeal, tell_decision
from control_plane.storage.model import FileName
from control_plane.streams import store as streams
from control_plane.streams.model import StreamOptions
from control_plane.videos.comments.telling import tell_comment
from control_plane.videos.deletion import remove_deleted_videos
from stagedoor.cli.doctor.finding import Finding, State
from stagedoor.cli.doctor.installation import Installation
from stagedoor.cli.doctor.reports import waiting
from stagedoor.parts.reports import things_of
from tests.api.served import URLS, served
from tests.control_plane.backends import waiting_backend
from tests.control_plane.live.readers import new_stream
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO, add_stored
from tests.stagedoor.cli.operator import Operator

WHY = "It insults others."


class Sent:
    """A messenger that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Message]] = []

    @property
    def channels(self) -> Collection[Channel]:
        return frozenset(Channel)

    async def send(self, to: Contact, message: Message) -> None:
        self.messages.append((to.address, message))


class Rig:
    def __init__(self, database: Database, platform: Platform, folder: Path) -> None:
        self.database = database
        self.platform = platform
        self.folder = folder
        self.sent = Sent()
        self.appeals = platform.reports.appeals
        self.telling = Telling(database, self.sent, self.appeals, "Stagedoor", URLS.appeal)

    async def report(self, reporter: UserId, reported: int, kind: str = "user") -> int:
        return await self.platform.reports.reporting.report(
            reporter, Subject(kind, str(reported)), 4, "See for yourself."
        )

    async def run_jobs(self) -> None:
        """Those that tell of decisions, twice: a job may run again."""
        kinds = {kind.name: kind for kind in (tell_decision, tell_appeal, send_letter)}
        rows = await self.database.fetch(
            "delete from pgqueuer where entrypoint = any($1) returning id, entrypoint, convert_from(payload, 'UTF8') as payload",
            list(kinds),
        )
        for row in sorted(rows, key=lambda row: row["id"]):
            for _ in range(1 if row["entrypoint"] == send_letter.name else 2):
                await kinds[row["entrypoint"]].function(self.telling, **json.loads(row["payload"]))

    async def told(self, user_id: UserId) -> list[tuple[Kind, str]]:
        """Oldest first."""
        return [
            (entry.told.kind, entry.told.text) for entry in reversed(await inbox.page(self.database, user_id, 100, 0))
        ]

    async def is_banned(self, user_id: UserId) -> bool:
        return bool(await self.database.fetchval("select banned_at is not null from app_user where id = $1", user_id))

    async def acts(self) -> list[str]:
        rows = await self.database.fetch("select act from audit_log order by id")
        return [row["act"] for row in rows]

    def deciding(self) -> Deciding:
        platform = self.platform
        things = things_of(platform.settings, self.database, platform.stored.files, platform.accounts.profile_media)
        return Deciding(self.database, platform.streams.lifecycle, things, Actor("cli:root"))

    async def picture(self, user_id: UserId, content: bytes) -> FileName:
        files = self.platform.stored.files
        name = await files.add("pictures", content, "jpg", owner=user_id)
        async with self.database.transaction() as connection:
            await connection.execute("update app_user set profile_pic = $2 where id = $1", user_id, name)
            await files.use(connection, f"user/{user_id}/picture", [name])
        return name


@pytest.fixture
async def rig(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Rig]:
    async with served(dsn, database, tmp_path) as (_, platform):
        yield Rig(database, platform, tmp_path)


@pytest.fixture
async def ann(database: Database) -> UserId:
    return await new_user(database, "ann")


@pytest.fixture
async def bob(database: Database) -> UserId:
    bob = await new_user(database, "bob")
    await database.execute(
        "update app_user set first_name = 'Bob', bio = 'I hate you', website = 'https://bad.example', "
        "email = 'bob@example.com' where id = $1",
        bob,
    )
    return bob


async def test_what_users_wrote_does_not_command_the_terminal(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    """Escape sequences clear the screen, or make one text look like another one."""
    written = "See \x1b[2J\x1b]0;title\x07\x9b2J \u202eklat\u2066 \N{WOMAN}\u200d\N{ROCKET} [red]x[/red]"
    stream_id = await new_stream(rig.database, bob, title=written, status="live", source_id="s")
    reporting = rig.platform.reports.reporting
    report_id = await reporting.report(ann, Subject("stream", str(stream_id)), 4, written)
    for shown in (await operator.types("reports", "show", str(report_id)), await operator.types("stream", "list")):
        assert "[red]x[/red]" in shown
        assert "\N{WOMAN}\u200d\N{ROCKET}" in shown
        assert not set(shown) & set("\x1b\x07\x9b\u202e\u2066")


async def test_reports_are_listed_shown_and_closed_without_an_action(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    assert await operator.types("reports", "list") == "There are no reports.\n"
    cat = await new_user(rig.database)
    first, second = await rig.report(ann, bob), await rig.report(cat, bob)
    stream_id = await new_stream(rig.database, bob, title="Poker")
    other = await rig.report(ann, stream_id, "stream")
    listed = await operator.types("reports", "list")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [str(first), str(second), str(other)]
    assert f"user {bob}" in listed
    assert f"stream {stream_id}" in await operator.types("reports", "list", "--kind", "stream")
    assert f"user {bob}" not in await operator.types("reports", "list", "--kind", "stream")
    assert "There are no reports." in await operator.types("reports", "list", "--reason", "5")
    assert len(json.loads(await operator.types("reports", "list", "--user", str(bob), "--json"))) == 3
    assert "There are no reports." in await operator.types("reports", "list", "--user", str(ann))

    shown = await operator.types("reports", "show", str(first))
    for text in ("I hate you", "https://bad.example", "See for yourself.", "Harassment or bullying", f"(user {ann})"):
        assert text in shown

    said = await operator.types("reports", "close", str(second), "none", "--why", "This is allowed.")
    assert said == "2 reports are closed by decision 1.\n"
    assert "closed by decision 1" in await operator.types("reports", "show", str(first))
    with pytest.raises(AlreadyClosed, match=f"Report {first} was closed at .* by decision 1"):
        await operator.types("reports", "close", str(first), "ban", "--why", WHY, "--yes")
    with pytest.raises(NoSuchReport):
        await operator.types("reports", "close", "4711", "none", "--why", WHY)
    assert await rig.acts() == ["report.closed"]
    await rig.run_jobs()
    for reporter in (ann, cat):
        assert await rig.told(reporter) == [
            (Kind.REPORT_CLOSED, "We found nothing against our rules. This is allowed.")
        ]
    assert await rig.told(bob) == [], "nothing is done to Bob: he does not learn that he was reported"
    assert not await rig.is_banned(bob)
    assert f"stream {stream_id}" in await operator.types("reports", "list"), "another thing"
    await rig.report(ann, bob)  # a closed report does not prevent another one


async def test_removing_a_user_clears_the_profile_and_keeps_the_evidence(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    picture = await rig.picture(bob, b"a bad picture")
    report_id = await rig.report(ann, bob)
    await operator.types("reports", "close", str(report_id), "remove", "--why", WHY, "--yes")
    user = await accounts.by_id(rig.database, bob)
    assert user is not None
    assert (user.first_name, user.bio, user.website, user.profile_pic) == ("", "", "", "")
    assert user.banned_at is None
    assert "I hate you" in await operator.types("reports", "show", str(report_id))
    folder = rig.folder / "pictures"
    said = await operator.types("reports", "show", str(report_id), "--pictures", str(folder))
    assert "1 pictures are in" in said
    [file] = folder.iterdir()
    assert file.read_bytes() == b"a bad picture"
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert "File exists" in await operator.types("reports", "show", str(report_id), "--pictures", str(folder))
    assert await rig.acts() == ["report.closed", "report.evidence_read"]
    assert await rig.database.fetchval("select state from stored_file where name = $1", picture) == "kept"
    await rig.run_jobs()
    assert await rig.told(ann) == [(Kind.REPORT_CLOSED, f"It was against our rules, and we have acted. {WHY}")]
    assert await rig.told(bob) == [(Kind.DECISION, f"We have removed the texts and pictures of your profile. {WHY}")]
    assert rig.sent.messages == [], "Bob can read his inbox"


async def test_removing_a_video_removes_equal_ones_and_keeps_the_evidence(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    files, sha256 = rig.platform.stored.files, bytes(32)
    parts = {"media": b"a bad video", "poster": b"a bad poster"}
    video, equal = [await add_stored(rig.database, files, user, parts, sha256=sha256) for user in (bob, ann)]
    report_id = await rig.platform.reports.reporting.report(ann, Subject("video", str(video)), 4, "See for yourself.")
    await operator.types("reports", "close", str(report_id), "remove", "--why", WHY, "--yes")
    hidden = await rig.database.fetch("select id from video where state = 'deleted' order by id")
    assert [row["id"] for row in hidden] == [video, equal]
    assert await rig.database.fetchval("select sha256 from refused_content") == sha256
    await rig.database.execute("update video set deleted_at = now() - interval '1 year'")
    await remove_deleted_videos.function(rig.platform.videos.deletion)
    assert await rig.database.fetchval("select count(*) from video_content") == 0
    folder = rig.folder / "evidence"
    await operator.types("reports", "show", str(report_id), "--pictures", str(folder))
    assert sorted(file.read_bytes() for file in folder.iterdir()) == [b"a bad poster", b"a bad video"]
    await rig.run_jobs()
    assert await rig.told(bob) == [(Kind.DECISION, f"We have removed your video. {WHY}")]
    assert await rig.told(ann) == [(Kind.REPORT_CLOSED, f"It was against our rules, and we have acted. {WHY}")]


async def test_a_comment_is_removed(rig: Rig, operator: Operator, ann: UserId, bob: UserId) -> None:
    video_id = await rig.database.fetchval(ADD_VIDEO, ann)
    add = "insert into video_comment (video_id, user_id, parent_id, text) values ($1, $2, $3, $4) returning id"
    comment_id = await rig.database.fetchval(add, video_id, bob, None, "I hate you")
    await rig.database.execute(add, video_id, ann, comment_id, "Why?")
    await tell_comment.function(rig.database, comment_id, ann, 0, [])
    assert await rig.told(ann) == [(Kind.VIDEO_COMMENT, "I hate you")]
    report_id = await rig.report(ann, comment_id, "comment")
    assert "I hate you" in await operator.types("reports", "show", str(report_id))
    await operator.types("reports", "close", str(report_id), "remove", "--why", WHY, "--yes")
    assert await rig.database.fetchval("select count(*) from video_comment") == 0
    assert await rig.told(ann) == [], "the text has left the inbox"
    await rig.run_jobs()
    assert await rig.told(bob) == [(Kind.DECISION, f"We have removed your comment. {WHY}")]
    assert "I hate you" in await operator.types("reports", "show", str(report_id)), "the evidence stays"


@pytest.mark.parametrize("action", ["end", "remove"])
async def test_a_stream_is_ended(rig: Rig, operator: Operator, ann: UserId, bob: UserId, action: str) -> None:
    stream = await rig.platform.streams.lifecycle.go_live(bob, StreamOptions(grace_s=60))
    report_id = await rig.report(ann, stream.id, "stream")
    await operator.types("reports", "close", str(report_id), action, "--why", WHY, "--yes")
    ended = await streams.get(rig.database, stream.id)
    assert ended is not None
    assert ended.end_reason == "operator"
    assert sorted(await rig.acts()) == ["report.closed", "stream.ended"]
    await rig.run_jobs()
    assert await rig.told(bob) == [(Kind.DECISION, f"We have ended your stream. {WHY}")]
    again = await rig.report(ann, stream.id, "stream")
    with pytest.raises(WrongAction, match="has ended already"):
        await operator.types("reports", "close", str(again), action, "--why", WHY, "--yes")
    assert (await store.backlog(rig.database)).reports == 1, "it is still open"


async def test_a_user_cannot_be_ended(rig: Rig, operator: Operator, ann: UserId, bob: UserId) -> None:
    report_id = await rig.report(ann, bob)
    with pytest.raises(WrongAction, match="A user cannot be ended"):
        await operator.types("reports", "close", str(report_id), "end", "--why", WHY, "--yes")
    assert "Invalid value" in await operator.types("reports", "close", str(report_id), "none", "--why", " ")


async def test_a_suspended_user_is_locked_out_until_the_end(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    stream = await rig.platform.streams.lifecycle.go_live(bob, StreamOptions(grace_s=60))
    token = await rig.platform.accounts.sessions.issue(bob)
    report_id = await rig.report(ann, stream.id, "stream")
    await operator.types("reports", "close", str(report_id), "suspend", "--days", "3", "--why", WHY, "--yes")
    rig.platform.accounts.sessions.forget(bob)
    with pytest.raises(AccountBlocked):
        await rig.platform.accounts.sessions.identify(token)
    ended = await streams.get(rig.database, stream.id)
    assert ended is not None
    assert ended.ended
    assert sorted(await rig.acts()) == ["report.closed", "stream.ended", "user.suspended"]
    await rig.run_jobs()
    [(address, letter)] = rig.sent.messages
    assert address == "bob@example.com"
    assert "Your account is suspended until " in letter.text
    assert WHY in letter.text
    said, appeal, _ = letter.text.partition(f"{URLS.base}/appeal#1.")
    assert appeal
    for secret in ("See for yourself.", "ann"):
        assert secret not in said, "the reporter is not told"
    assert await rig.told(bob) == [], "hidden until the end of the suspension"

    await end_suspensions.function(rig.database)
    assert await rig.is_banned(bob)
    await rig.database.execute("update app_user set banned_until = now() - interval '1 second' where id = $1", bob)
    await end_suspensions.function(rig.database)
    assert not await rig.is_banned(bob)
    [(kind, text)] = await rig.told(bob)
    assert kind is Kind.DECISION
    assert text.startswith("Your account is suspended until ")


async def test_a_longer_ban_replaces_a_suspension_and_not_the_other_way_round(database: Database, ann: UserId) -> None:
    soon, later = (dt.datetime.now(dt.UTC) + dt.timedelta(days=days) for days in (1, 2))

    async def ban(until: dt.datetime | None) -> tuple[bool, dt.datetime | None]:
        async with database.transaction() as connection:
            banned = await bans_store.ban(connection, ann, until)
        return banned, await database.fetchval("select banned_until from app_user where id = $1", ann)

    assert await ban(soon) == (True, soon)
    assert await ban(later) == (True, later)
    assert await ban(soon) == (False, later)
    assert await ban(None) == (True, None)
    assert await ban(later) == (False, None)
    assert await ban(None) == (False, None)


async def test_a_banned_user_appeals_by_the_code_of_the_letter(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    await operator.types("reports", "close", str(await rig.report(ann, bob)), "ban", "--why", WHY, "--yes")
    await rig.run_jobs()
    [(_, letter)] = rig.sent.messages
    assert "Your account is blocked." in letter.text
    code = letter.text.rpartition("#1.")[2]
    assert await operator.types("reports", "appeals", "list") == "There are no open appeals.\n"
    with pytest.raises(NoOpenAppeal):
        await operator.types("reports", "appeals", "accept", "1", "--why", "We were wrong.")
    for user_id, wrong in ((None, ""), (None, code[1:]), (ann, ""), (None, rig.appeals.code(2))):
        with pytest.raises(NoSuchDecision):
            await rig.appeals.appeal(1, "It was a joke.", user_id, wrong)
    await rig.appeals.appeal(1, "It was a joke.", None, code)
    with pytest.raises(AppealNotPossible, match="You have appealed it already"):
        await rig.appeals.appeal(1, "Really.", None, code)
    assert "It was a joke." in await operator.types("reports", "appeals", "list")

    said = await operator.types("reports", "appeals", "accept", "1", "--why", "We were wrong.")
    assert said == "The appeal of decision 1 is accepted.\n"
    assert not await rig.is_banned(bob)
    assert (await rig.acts())[-2:] == ["user.unbanned", "user.appeal_accepted"]
    await rig.run_jobs()
    assert "You can sign in again." in rig.sent.messages[-1][1].text
    assert await rig.told(bob) == [
        (Kind.DECISION, f"Your account is blocked. {WHY}"),
        (Kind.APPEAL_CLOSED, "Your appeal is accepted. We were wrong."),
    ]
    with pytest.raises(NoOpenAppeal):
        await operator.types("reports", "appeals", "reject", "1", "--why", WHY)


async def test_a_rejected_appeal_changes_nothing(rig: Rig, operator: Operator, ann: UserId, bob: UserId) -> None:
    await operator.types("reports", "close", str(await rig.report(ann, bob)), "suspend", "--why", WHY, "--yes")
    await rig.appeals.appeal(1, "No!", bob)
    await operator.types("reports", "appeals", "reject", "1", "--why", "It was clear.")
    assert await rig.is_banned(bob)
    assert (await rig.acts())[-1] == "user.appeal_rejected"
    await rig.run_jobs()
    assert "The decision stays." in rig.sent.messages[-1][1].text


async def test_an_accepted_appeal_leaves_other_bans(rig: Rig, operator: Operator, ann: UserId, bob: UserId) -> None:
    """A second decision takes effect, and a ban that an operator made stays."""
    stream_id = await new_stream(rig.database, bob)
    by_user, by_stream = await rig.report(ann, bob), await rig.report(ann, stream_id, "stream")
    await operator.types("reports", "close", str(by_user), "ban", "--why", WHY, "--yes")
    await operator.types("reports", "close", str(by_stream), "suspend", "--days", "2", "--why", WHY, "--yes")
    for decision_id in (1, 2):
        await rig.appeals.appeal(decision_id, "No!", bob)
    await operator.types("reports", "appeals", "accept", "1", "--why", "We were wrong.")
    until = await rig.database.fetchval("select banned_until from app_user where id = $1", bob)
    decision = await store.decision(rig.database, 2)
    assert decision is not None
    assert until == decision.until
    await operator.types("users", "ban", str(bob), "--yes")
    await operator.types("reports", "appeals", "accept", "2", "--why", "We were wrong.")
    assert await rig.is_banned(bob)


@pytest.mark.parametrize("on_air", [False, True])
async def test_two_operators_at_once_close_a_report_once(rig: Rig, ann: UserId, bob: UserId, on_air: bool) -> None:
    """The loser changes nothing: neither the account nor the stream."""
    stream = await rig.platform.streams.lifecycle.go_live(bob, StreamOptions(grace_s=60)) if on_air else None
    report_id = await rig.report(ann, bob)
    deciding = rig.deciding()
    outcomes = await asyncio.gather(
        *(deciding.close(report_id, action, WHY) for action in (Action.BAN, Action.NONE, Action.REMOVE) * 2),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes].count(AlreadyClosed) == 5, outcomes
    [row] = await rig.database.fetch("select action from report_decision")
    assert await rig.is_banned(bob) == (row["action"] == "ban")
    user = await accounts.by_id(rig.database, bob)
    assert user is not None
    assert (user.bio == "") == (row["action"] == "remove")
    if stream is not None:
        now = await streams.get(rig.database, stream.id)
        assert now is not None
        assert now.ended == (row["action"] == "ban")


@pytest.mark.parametrize("action", [Action.BAN, Action.END])
async def test_who_is_slower_does_not_end_the_stream(rig: Rig, ann: UserId, bob: UserId, action: Action) -> None:
    stream = await rig.platform.streams.lifecycle.go_live(bob, StreamOptions(grace_s=60))
    subject = Subject("stream", str(stream.id))
    report_id = await rig.report(ann, stream.id, "stream")
    async with rig.database.transaction() as faster:
        [locked] = await store.lock_open(faster, subject)
        slower = asyncio.create_task(rig.deciding().close(report_id, action, WHY))
        await waiting_backend(rig.database)
        await store.decide(faster, subject, bob, Action.NONE, "Allowed.", None, [locked])
    with pytest.raises(AlreadyClosed, match="by decision 1"):
        await slower
    now = await streams.get(rig.database, stream.id)
    assert now is not None
    assert not now.ended
    assert not await rig.is_banned(bob)


async def test_a_ban_ends_the_stream_and_is_decided_once(rig: Rig, ann: UserId, bob: UserId) -> None:
    stream = await rig.platform.streams.lifecycle.go_live(bob, StreamOptions(grace_s=60))
    closed = await rig.deciding().close(await rig.report(ann, bob), Action.BAN, WHY)
    assert closed.stream is not None
    assert (closed.stream.id, closed.reports, closed.decision_id) == (stream.id, 1, 1)
    assert sorted(await rig.acts()) == ["report.closed", "stream.ended", "user.banned"]


async def test_the_metrics_and_the_doctor_tell_what_waits(dsn: str, rig: Rig, ann: UserId, bob: UserId) -> None:
    metrics = ReportMetrics(rig.platform.metrics)
    settings = rig.platform.settings
    at = Installation(settings, False, False, {}, False, Ports.of(settings), dsn, "")

    async def doctor() -> Finding:
        metrics.set(await store.backlog(rig.database))
        found = await waiting(at)
        assert found is not None
        return found

    assert (await doctor()).text == "0 open, 0 appeals"
    assert b"stagedoor_reports_open 0.0" in rig.platform.metrics.render()
    await rig.report(ann, bob)
    found = await doctor()
    assert (found.state, found.text) == (State.OK, "1 open, 0 appeals")
    await rig.database.execute("update report set created_at = now() - interval '5 days 1 hour'")
    found = await doctor()
    assert (found.state, found.text) == (State.WARNING, "1 open, 0 appeals; the oldest has waited for 5 days")
    rendered = rig.platform.metrics.render()
    assert b"stagedoor_reports_open 1.0" in rendered
    assert b"stagedoor_reports_oldest_seconds 43" in rendered


async def test_a_thousand_reporters_are_told_in_batches(
    rig: Rig, operator: Operator, bob: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.reports.telling.BATCH", 7)
    reporters = [await new_user(rig.database) for _ in range(20)]
    report_ids = [await rig.report(reporter, bob) for reporter in reporters]
    said = await operator.types("reports", "close", str(report_ids[7]), "none", "--why", WHY)
    assert said == "20 reports are closed by decision 1.\n"
    await rig.run_jobs()
    for reporter in reporters:
        assert [kind for kind, _ in await rig.told(reporter)] == [Kind.REPORT_CLOSED]
        assert await inbox.unread(rig.database, reporter) == 1


async def test_evidence_survives_the_removal_of_the_account(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    picture = await rig.picture(bob, b"a bad picture")
    report_id = await rig.report(ann, bob)
    await rig.database.execute(
        "update app_user set deleted_at = now() - interval '31 days' where id = any($1)", [ann, bob]
    )
    await remove_deleted_accounts.function(rig.platform.personal_data.removal)
    assert await rig.database.fetchval("select state from stored_file where name = $1", picture) == "kept"
    shown = await operator.types("reports", "show", str(report_id), "--pictures", str(rig.folder / "kept"))
    for text in ("I hate you", "Bob", "See for yourself.", "removed", "1 pictures are in"):
        assert text in shown
    await operator.types("reports", "close", str(report_id), "ban", "--why", WHY, "--yes")
    await rig.run_jobs()
    assert rig.sent.messages == []

    evidence = Evidence(rig.database, rig.platform.stored.files, 180)
    await delete_old_evidence.function(evidence)
    assert await rig.database.fetchval("select evidence is not null from report")
    await rig.database.execute("update report set closed_at = now() - interval '181 days'")
    await delete_old_evidence.function(evidence)
    shown = await operator.types("reports", "show", str(report_id))
    assert "deleted" in shown
    for text in ("I hate you", "See for yourself."):
        assert text not in shown
    assert await rig.database.fetchval("select state from stored_file where name = $1", picture) == "deleting"


async def test_evidence_waits_for_an_open_appeal(rig: Rig, operator: Operator, ann: UserId, bob: UserId) -> None:
    await operator.types("reports", "close", str(await rig.report(ann, bob)), "remove", "--why", WHY, "--yes")
    await rig.appeals.appeal(1, "No!", bob)
    await rig.database.execute("update report set closed_at = now() - interval '1 year'")
    evidence = Evidence(rig.database, rig.platform.stored.files, 180)
    await delete_old_evidence.function(evidence)
    assert await rig.database.fetchval("select evidence is not null from report")
    await operator.types("reports", "appeals", "reject", "1", "--why", WHY)
    await delete_old_evidence.function(evidence)
    assert await rig.database.fetchval("select evidence is not null from report")
    await rig.database.execute("update report_decision set appeal_decided_at = now() - interval '31 days'")
    await delete_old_evidence.function(evidence)
    assert await rig.database.fetchval("select evidence is null from report")


async def test_a_second_appeal_at_the_same_moment_is_told_so(
    rig: Rig, operator: Operator, ann: UserId, bob: UserId
) -> None:
    await operator.types("reports", "close", str(await rig.report(ann, bob)), "remove", "--why", WHY, "--yes")
    async with rig.database.transaction() as faster:
        await faster.execute("update report_decision set appealed_at = now()")
        slower = asyncio.create_task(rig.appeals.appeal(1, "It was a joke.", bob))
        await waiting_backend(rig.database)
    with pytest.raises(AppealNotPossible, match="You have appealed it already"):
        await slower


async def test_an_old_decision_cannot_be_appealed(rig: Rig, operator: Operator, ann: UserId, bob: UserId) -> None:
    await operator.types("reports", "close", str(await rig.report(ann, bob)), "remove", "--why", WHY, "--yes")
    await rig.database.execute("update report_decision set decided_at = now() - interval '181 days'")
    with pytest.raises(AppealNotPossible, match="older than 180 days"):
        await rig.appeals.appeal(1, "No!", bob)
