"""Comments on videos, as each app calls them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.inbox import store as inbox
from control_plane.inbox.model import Kind
from control_plane.videos.comments import posting, store
from control_plane.videos.comments.telling import tell_comment, tell_comment_like
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.counted import wrong_counters
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete, follow, make_private
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.watched_database import WatchedDatabase
from tests.postgres import by_owner

NO_SESSION = {Client.IOS: 401, Client.ANDROID: 501, Client.ANDROID_KT: 501, Client.DOCUMENT: 401}
CALLERS = 64


@pytest.fixture
async def apps(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Apps]:
    """Without limits of calls: all callers of a test have one address."""
    async with apps_of(dsn, database, tmp_path, address_rate=100_000, user_rate=100_000) as apps:
        yield apps


@pytest.fixture
async def video(apps: Apps, ann: UserId) -> int:
    """Of Ann."""
    return await new_video(apps, ann)


async def new_video(apps: Apps, owner: UserId) -> int:
    video_id: int = await apps.database.fetchval(ADD_VIDEO, owner)
    return video_id


async def comment(apps: Apps, token: str, video: int, text: str = "Great!", **body: Any) -> int:
    item = await apps.done("postCommentOnVideo", token, video_id=str(video), comment=text, **body)
    comment_id: int = item["VideoComment"]["id"]
    return comment_id


async def texts(apps: Apps, token: str, video: int, **body: Any) -> list[str]:
    items = await apps.done("showVideoComments", token, Client.IOS, video_id=video, **body)
    return [item["VideoComment"]["comment"] for item in items]


async def run_jobs(apps: Apps) -> None:
    """Those that tell users, twice: a job may run again."""
    kinds: dict[str, Any] = {kind.name: kind for kind in (tell_comment, tell_comment_like)}
    rows = await apps.database.fetch(
        "delete from pgqueuer where entrypoint = any($1) returning id, entrypoint, convert_from(payload, 'UTF8') as payload",
        list(kinds),
    )
    for row in 2 * sorted(rows, key=lambda row: row["id"]):
        await kinds[row["entrypoint"]].function(apps.database, **json.loads(row["payload"]))


async def told(apps: Apps, user_id: UserId) -> list[tuple[Kind, int, str]]:
    await run_jobs(apps)
    entries = await inbox.page(apps.database, user_id, 100, 0)
    return [(entry.told.kind, entry.told.subject_id, entry.told.text) for entry in entries]


async def comment_count(apps: Apps, video: int) -> int:
    number: int = await apps.database.fetchval(
        "select coalesce(sum(comments), 0)::bigint from video_count where video_id = $1", video
    )
    return number


# ── posting and reading ──


def comment_of(app: Client, user_id: UserId, video: int) -> dict[str, Any]:
    """As each app sends it."""
    body: dict[str, Any] = {"user_id": str(user_id), "video_id": str(video), "comment": " Great! "}
    return {**body, "parent_id": ""} if app is Client.IOS else {**body, "users_json": []}


@pytest.mark.parametrize("app", APPS)
async def test_each_app_comments_replies_and_reads(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int, app: Client
) -> None:
    posted = await apps.done("postCommentOnVideo", bens, app, **comment_of(app, ben, video))
    assert posted["VideoComment"]["comment"] == "Great!"
    assert posted["VideoComment"]["comment_id"] == 0
    assert (posted["User"]["id"], posted["Video"]["user_id"], posted["Video"]["comment_count"]) == (ben, ann, 1)
    comment_id = posted["VideoComment"]["id"]
    if app is Client.IOS:
        reply = (
            await apps.done(
                "postCommentOnVideo", token, app, video_id=str(video), comment="Thanks", parent_id=str(comment_id)
            )
        )["VideoComment"]
    else:
        answer = await apps.done(
            "postCommentReply", token, app, video_id=str(video), comment="Thanks", comment_id=str(comment_id)
        )
        assert answer["VideoComment"]["id"] == comment_id
        assert answer["User"]["id"] == ann
        reply = answer["VideoCommentReply"]
    assert reply["comment_id"] == reply["parent_id"] == comment_id
    (item,) = await apps.done("showVideoComments", bens, app, video_id=str(video), starting_point="0")
    assert item["VideoComment"]["reply_count"] == 1
    assert item["Video"]["comment_count"] == 2
    assert [one["comment"] for one in item["VideoCommentReply"]] == ["Thanks"]
    assert item["VideoCommentReply"] == item["Replies"]
    assert item["VideoCommentReply"][0]["User"]["id"] == ann
    (child,) = item["Children"]
    assert (child["VideoComment"]["id"], child["User"]["id"], child["Children"]) == (reply["id"], ann, [])


@pytest.mark.parametrize("app", APPS)
async def test_what_is_refused(apps: Apps, ann: UserId, token: str, bens: str, video: int, app: Client) -> None:
    other = await new_video(apps, ann)
    elsewhere = await comment(apps, bens, other)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({}, 400, "video_id is missing."),
        ({"video_id": "x", "comment": "a"}, 400, "video_id must be a whole number."),
        ({"video_id": video}, 201, "Please write a comment first."),
        ({"video_id": video, "comment": "  "}, 201, "Please write a comment first."),
        (
            {"video_id": video, "comment": "\N{ZERO WIDTH SPACE} \N{RIGHT-TO-LEFT OVERRIDE}"},
            201,
            "Please write a comment first.",
        ),
        ({"video_id": video, "comment": "x" * 501}, 400, "comment may have at most 500 characters."),
        ({"video_id": 2_000_000_000, "comment": "a"}, 201, "There is no such video."),
        ({"video_id": video, "comment": "a", "parent_id": 2_000_000_000}, 201, "There is no such comment."),
        ({"video_id": video, "comment": "a", "parent_id": elsewhere}, 201, "There is no such comment."),
        (
            {"video_id": video, "comment": "a", "user_id": ann},
            201,
            "The body names another user than the session does.",
        ),
    ]
    for body, code, why in cases:
        answer = await apps.call("postCommentOnVideo", bens, app, **body)
        assert answer["code"] == code, answer
        assert why == "" or answer["msg"] == why or "user" in why, answer
    assert (await apps.call("postCommentOnVideo", app=app, video_id=video, comment="a"))["code"] == NO_SESSION[app]
    assert await texts(apps, bens, video) == []
    assert await comment_count(apps, video) == 0


async def test_an_author_who_deletes_the_account_meanwhile_gets_an_answer(apps: Apps, bens: str, video: int) -> None:
    """At the commit, after the comment was read and before its author is."""
    await by_owner(
        apps.database,
        """
        create function delete_author() returns trigger language plpgsql as $$
        begin
            update app_user set deleted_at = now() where id = new.user_id;
            return null;
        end $$;
        create constraint trigger delete_author after insert on video_comment deferrable initially deferred
        for each row execute function delete_author();
        """,
    )
    answer = await apps.call("postCommentOnVideo", bens, video_id=video, comment="a")
    assert (answer["code"], answer["msg"]) == (201, "There is no such video.")


async def test_the_reply_to_a_reply_belongs_to_the_same_comment(apps: Apps, token: str, bens: str, video: int) -> None:
    root = await comment(apps, bens, video)
    reply = await comment(apps, token, video, "Thanks", parent_id=root)
    again = await apps.done("postCommentReply", bens, video_id=video, comment_id=reply, comment="You are welcome")
    assert again["VideoCommentReply"]["comment_id"] == root
    (item,) = await apps.done("showVideoComments", video_id=video)
    assert [one["comment"] for one in item["Replies"]] == ["Thanks", "You are welcome"]


async def test_pages_show_each_comment_once_the_newest_first(apps: Apps, bens: str, video: int, ben: UserId) -> None:
    await apps.database.execute(
        "insert into video_comment (video_id, user_id, text) select $1, $2, n::text from generate_series(1, 25) as n",
        video,
        ben,
    )
    pages = [await texts(apps, bens, video, starting_point=page) for page in (0, "1", 2, 3)]
    assert pages == [
        [str(n) for n in range(25, 15, -1)],
        [str(n) for n in range(15, 5, -1)],
        [str(n) for n in range(5, 0, -1)],
        [],
    ]


async def test_pages_stay_the_same_while_comments_come_and_go(
    apps: Apps, bens: str, token: str, video: int, ben: UserId
) -> None:
    many = "insert into video_comment (video_id, user_id, text) select $1, $2, n::text from generate_series($3::int, $4::int) as n"
    await apps.database.execute(many, video, ben, 1, 25)
    first = await texts(apps, token, video)
    await apps.database.execute(many, video, ben, 26, 40)
    await apps.database.execute("delete from video_comment where text in ('16', '15', '30')")
    second, third = [await texts(apps, token, video, starting_point=page) for page in (1, 2)]
    assert first + second + third == [str(n) for n in range(25, 0, -1) if n != 15]
    assert (await texts(apps, token, video))[0] == "40"


async def test_replies_that_are_not_in_the_page_are_read_by_their_parent(
    apps: Apps, bens: str, video: int, ben: UserId
) -> None:
    root = await comment(apps, bens, video)
    await apps.database.execute(
        "insert into video_comment (video_id, user_id, parent_id, text)"
        " select $1, $2, $3, n::text from generate_series(1, 25) as n",
        *(video, ben, root),
    )
    (item,) = await apps.done("showVideoComments", bens, video_id=video)
    assert item["VideoComment"]["reply_count"] == 25
    newest = [str(n) for n in range(25 - store.NESTED + 1, 26)]
    assert [one["comment"] for one in item["Replies"]] == newest
    assert await texts(apps, bens, video, parent_id=root) == [str(n) for n in range(25, 15, -1)]
    assert await texts(apps, bens, video, parent_id=root, starting_point=2) == [str(n) for n in range(5, 0, -1)]
    assert (await apps.call("showVideoComments", bens, video_id=video, parent_id=root + 1000))["code"] == 201


@pytest.mark.parametrize("count", [1, 10])
async def test_a_page_needs_the_same_number_of_queries_whatever_is_on_it(
    apps: Apps, bens: str, video: int, count: int
) -> None:
    for user_id in [await new_user(apps.database) for _ in range(count)]:
        root = await apps.database.fetchval(
            "insert into video_comment (video_id, user_id, text) values ($1, $2, 'a') returning id", video, user_id
        )
        await apps.database.execute(
            "insert into video_comment (video_id, user_id, parent_id, text) values ($1, $2, $3, 'b')",
            *(video, user_id, root),
        )
    await apps.done("showUserDetail", bens)  # the session is known
    assert await apps.queries("showVideoComments", bens, video_id=video) == 5
    assert len(await texts(apps, bens, video)) == count


async def test_a_comment_that_is_sent_twice_is_there_once(apps: Apps, bens: str, video: int) -> None:
    ids = await asyncio.gather(*(comment(apps, bens, video) for _ in range(5)))
    assert len(set(ids)) == 1
    assert await comment(apps, bens, video, "Something else") != ids[0]
    assert await comment_count(apps, video) == 2


# ── the owner's switches, limits, words ──


async def test_the_switches_of_the_owner_decide_who_comments(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int
) -> None:
    async def may(token: str) -> bool:
        number = await apps.database.fetchval("select count(*) from video_comment")
        answer = await apps.call("postCommentOnVideo", token, video_id=video, comment=f"The {number}th")
        return bool(answer["code"] == 200)

    async def audience(word: str) -> None:
        await apps.done("addPrivacySetting", token, video_comment=word)

    await audience("friends")
    assert [await may(token), await may(bens)] == [True, False]
    await follow(apps.database, ben, ann)
    assert not await may(bens), "a follower is no friend"
    await follow(apps.database, ann, ben)
    assert await may(bens)
    await audience("no_one")
    assert [await may(token), await may(bens)] == [True, False]
    await audience("everyone")
    assert await may(bens)
    await apps.database.execute("update video set allow_comments = false")
    assert [await may(token), await may(bens)] == [False, False]
    assert len(await texts(apps, bens, video)) == 4, "what was written stays"


async def test_the_limits_hold_for_calls_at_the_same_time(
    apps: Apps, ben: UserId, bens: str, video: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_IN_MINUTE", 3)
    calls = [apps.call("postCommentOnVideo", bens, video_id=video, comment=f"number {n}") for n in range(8)]
    answers = await asyncio.gather(*calls)
    assert sorted(answer["code"] for answer in answers) == 3 * [200] + 5 * [201]
    refused = next(answer for answer in answers if answer["code"] == 201)
    assert refused["msg"] == "You are commenting very fast. Please wait a minute."
    await apps.database.execute("update video_comment set created_at = now() - interval '2 minutes'")
    apps.platform.videos.comments.posting._posted.clear()
    monkeypatch.setattr(posting, "MOST_A_DAY", 4)
    await comment(apps, bens, video, "The fourth")
    answer = await apps.call("postCommentOnVideo", bens, video_id=video, comment="The fifth")
    assert answer["msg"] == "You have written many comments today. Please try again tomorrow."
    await apps.database.execute("update video_comment set created_at = now() - interval '2 days'")
    apps.platform.videos.comments.posting._posted.clear()
    await comment(apps, bens, video, "The fifth")


async def test_deleted_comments_count_for_the_limits(
    apps: Apps, bens: str, video: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users were told of them."""
    monkeypatch.setattr(posting, "MOST_A_DAY", 3)
    for number in range(3):
        comment_id = await comment(apps, bens, video, f"number {number}")
        await apps.done("deleteVideoComment", bens, comment_id=comment_id)
    answer = await apps.call("postCommentOnVideo", bens, video_id=video, comment="one more")
    assert answer["msg"] == "You have written many comments today. Please try again tomorrow."


async def test_blocked_words_are_refused(dsn: str, apps: Apps, bens: str, video: int, tmp_path: Path) -> None:
    folder = tmp_path / "strict"
    folder.mkdir()
    async with apps_of(dsn, apps.database, folder, blocked_words=("spam", "buy now")) as strict:
        session = await strict.token(await new_user(strict.database))
        for text in ("SPAM!", "Please BUY  now."):
            answer = await strict.call("postCommentOnVideo", session, video_id=video, comment=text)
            assert (answer["code"], answer["msg"]) == (201, "This comment has a word that is not allowed here.")
        await comment(strict, session, video, "spammer, buy it now")


# ── who sees what ──


async def test_comments_of_hidden_users_are_not_shown(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int
) -> None:
    banned, deleted, blocked, blocker, private = [await new_user(apps.database) for _ in range(5)]
    root = await comment(apps, bens, video, "ben")
    for name, user_id in {
        "banned": banned,
        "deleted": deleted,
        "blocked": blocked,
        "blocker": blocker,
        "private": private,
    }.items():
        session = await apps.token(user_id)
        hidden = await comment(apps, session, video, name)
        await comment(apps, bens, video, f"to {name}", parent_id=hidden)
        await comment(apps, session, video, name, parent_id=root)
    await ban(apps.database, banned)
    await delete(apps.database, deleted)
    await block(apps.database, ben, blocked)
    await block(apps.database, blocker, ben)
    await make_private(apps.database, private)

    async def read(token: str) -> tuple[list[str], list[str]]:
        items = await apps.done("showVideoComments", token, video_id=video)
        return [item["VideoComment"]["comment"] for item in items], [r["comment"] for r in items[-1]["Replies"]]

    assert await read(bens) == (["private", "ben"], ["private"])
    for token_ in (token, ""):
        assert await read(token_) == (["private", "blocker", "blocked", "ben"], ["blocked", "blocker", "private"])
    rows = await apps.database.fetch("select id from video_comment where text in ('banned', 'blocked', 'blocker')")
    for row in rows:
        for endpoint, body in (
            ("likeComment", {"comment_id": row["id"]}),
            ("likeCommentReply", {"comment_reply_id": row["id"]}),
            ("postCommentReply", {"comment_id": row["id"], "video_id": video, "comment": "a"}),
            ("deleteVideoComment", {"id": row["id"]}),
            ("reportComment", {"comment_id": row["id"], "report_reason_id": 1}),
        ):
            answer = await apps.call(endpoint, bens, **body)
            assert (answer["code"], answer["msg"]) == (201, "There is no such comment."), endpoint
    answers = await apps.database.fetch("select id from video_comment where text in ('to banned', 'to blocked')")
    for row in answers:
        answer = await apps.call("likeComment", bens, comment_id=row["id"])
        assert answer["code"] == 201, "a reply below a hidden comment"


HIDDEN = ("private", "blocked", "blocker", "banned", "deleted", "for the owner", "for friends", "deleted video")


@pytest.mark.parametrize("how", HIDDEN)
async def test_the_comments_of_a_hidden_video_are_hidden(
    apps: Apps, ann: UserId, ben: UserId, bens: str, video: int, how: str
) -> None:
    comment_id = await comment(apps, bens, video)
    match how:
        case "private":
            await make_private(apps.database, ann)
        case "blocked":
            await block(apps.database, ben, ann)
        case "blocker":
            await block(apps.database, ann, ben)
        case "banned":
            await ban(apps.database, ann)
        case "deleted":
            await delete(apps.database, ann)
        case "for the owner":
            await apps.database.execute("update video set privacy = 'private'")
        case "for friends":
            await apps.database.execute("update video set privacy = 'friends'")
        case "deleted video":
            await apps.database.execute("update video set state = 'deleted', deleted_at = now()")
    calls: dict[str, dict[str, Any]] = {
        "showVideoComments": {"video_id": video},
        "postCommentOnVideo": {"video_id": video, "comment": "Again"},
        "postCommentReply": {"video_id": video, "comment_id": comment_id, "comment": "Again"},
        "likeComment": {"comment_id": comment_id},
        "pinComment": {"video_id": video, "pin_comment_id": comment_id},
    }
    for endpoint, body in calls.items():
        answer = await apps.call(endpoint, bens, **body)
        assert answer["code"] == 201, endpoint
        assert answer["msg"] in ("There is no such video.", "There is no such comment."), endpoint
    if how not in ("blocked", "blocker"):
        assert (await apps.call("showVideoComments", video_id=video))["code"] == 201, "a guest"
    deleted = await apps.call("deleteVideoComment", bens, id=comment_id)
    assert deleted["code"] == (201 if how == "deleted video" else 200), "its author may still delete it"


@pytest.mark.parametrize("app", APPS)
async def test_guests_read_and_write_nothing(apps: Apps, bens: str, video: int, app: Client) -> None:
    comment_id = await comment(apps, bens, video)
    (item,) = await apps.done("showVideoComments", app=app, video_id=video, user_id="0")
    assert item["VideoComment"]["like"] == 0
    calls: dict[str, dict[str, Any]] = {
        "postCommentOnVideo": {"video_id": video, "comment": "a"},
        "postCommentReply": {"video_id": video, "comment_id": comment_id, "comment": "a"},
        "likeComment": {"comment_id": comment_id},
        "likeCommentReply": {"comment_reply_id": comment_id},
        "deleteVideoComment": {"id": comment_id},
        "deleteVideoCommentReply": {"id": comment_id},
        "pinComment": {"video_id": video, "pin_comment_id": comment_id},
        "reportComment": {"comment_id": comment_id, "report_reason_id": 1},
    }
    for endpoint, body in calls.items():
        assert (await apps.call(endpoint, app=app, **body))["code"] == NO_SESSION[app], endpoint


# ── likes ──


@pytest.mark.parametrize("app", APPS)
async def test_a_like_toggles(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int, app: Client
) -> None:
    root = await comment(apps, bens, video)
    reply = await comment(apps, bens, video, "And", parent_id=root)
    for endpoint, field, record, comment_id in (
        ("likeComment", "comment_id", "VideoCommentLike", root),
        ("likeCommentReply", "comment_reply_id", "VideoCommentReplyLike", reply),
    ):
        body: dict[str, Any] = {field: str(comment_id), "user_id": str(ann)}
        of_ben: dict[str, Any] = {field: comment_id}
        answer = await apps.call(endpoint, token, app, **body)
        assert (answer["code"], answer["like_count"]) == (200, 1)
        liked = answer["msg"]
        assert (liked[record]["user_id"], liked[record][field]) == (ann, comment_id)
        assert liked[record]["owner_like"] == liked["VideoCommentLike"]["owner_like"] == 1
        assert (liked["VideoComment"]["like"], liked["VideoComment"]["like_count"], liked["User"]["id"]) == (1, 1, ann)
        answer = await apps.call(endpoint, bens, app, **of_ben)
        assert (answer["msg"]["VideoCommentLike"]["owner_like"], answer["like_count"]) == (1, 2)
        answer = await apps.call(endpoint, token, app, **body)
        assert (answer["code"], answer["msg"], answer["like_count"]) == (200, "unfavourite", 1)
    (item,) = await apps.done("showVideoComments", bens, app, video_id=video)
    for shown in (item["VideoComment"], item["Replies"][0]):
        assert (shown["like"], shown["owner_like"], shown["like_count"]) == (1, 0, 1)


@pytest.mark.parametrize("app", APPS)
async def test_bad_likes_are_refused(apps: Apps, token: str, app: Client) -> None:
    """Refusals have the count, which iOS needs."""
    for endpoint, field in (("likeComment", "comment_id"), ("likeCommentReply", "comment_reply_id")):
        cases: list[tuple[dict[str, Any], int, str]] = [
            ({}, 400, f"{field} is missing."),
            ({field: "x"}, 400, f"{field} must be a whole number."),
            ({field: 2_000_000_000}, 201, "There is no such comment."),
            ({field: 1, "like": 2}, 400, "like may be at most 1."),
        ]
        for body, code, why in cases:
            assert await apps.call(endpoint, token, app, **body) == {"code": code, "msg": why, "like_count": 0}


async def test_a_page_sets_the_wanted_state(apps: Apps, token: str, bens: str, video: int) -> None:
    root = await comment(apps, bens, video)
    for wanted, count in ((1, 1), ("1", 1), (0, 0), (0, 0), ("", 1)):
        answer = await apps.call("likeComment", token, comment_id=root, like=wanted)
        assert (answer["code"], answer["like_count"]) == (200, count)
        assert isinstance(answer["msg"], dict) == bool(count)


async def test_a_double_tap_likes(apps: Apps, token: str, bens: str, video: int) -> None:
    root = await comment(apps, bens, video)
    await apps.done("showUserDetail", token)  # the session is known
    for count in (1, 0):
        answers = await asyncio.gather(*(apps.call("likeComment", token, comment_id=root) for _ in range(5)))
        assert {answer["like_count"] for answer in answers} == {count}


async def test_counters_hold_under_many_callers(apps: Apps, bens: str, video: int) -> None:
    root = await comment(apps, bens, video)
    tokens = [await apps.token(await new_user(apps.database, "fan")) for _ in range(CALLERS)]

    async def act(number: int, token: str) -> None:
        await apps.done("likeComment", token, comment_id=root)
        reply = await comment(apps, token, video, f"Reply {number}", parent_id=root)
        if number % 2:
            await apps.done("likeComment", token, comment_id=root)
            await apps.done("deleteVideoCommentReply", token, id=reply)

    await asyncio.gather(*(act(number, token) for number, token in enumerate(tokens)))
    (item,) = await apps.done("showVideoComments", video_id=video)
    shown = item["VideoComment"]
    assert (shown["like_count"], shown["reply_count"]) == (CALLERS // 2, CALLERS // 2)
    assert item["Video"]["comment_count"] == 1 + CALLERS // 2
    assert await wrong_counters(apps.database) == []


# ── inbox ──


async def test_each_user_is_told_once(apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int) -> None:
    cid, dan = [await new_user(apps.database) for _ in range(2)]
    root = await comment(apps, bens, video, "Great!", users_json=[{"user_id": str(cid)}, {"user_id": ann}, {"x": 1}])
    assert await told(apps, ann) == [(Kind.VIDEO_COMMENT, root, "Great!")]
    assert await told(apps, cid) == [(Kind.MENTION, root, "Great!")]
    dans = await apps.database.fetchval("select username from app_user where id = $1", dan)
    thanks = f"Thanks @{dans.upper()}, @nobody"
    reply = await comment(apps, token, video, thanks, parent_id=root, users_json=[{"user_id": ben}])
    assert await told(apps, ben) == [(Kind.COMMENT_REPLY, reply, thanks)]
    assert await told(apps, dan) == [(Kind.MENTION, reply, thanks)]
    assert len(await told(apps, ann)) == 1, "of the own reply"
    answer = await comment(apps, await apps.token(dan), video, "Really?", parent_id=reply)
    assert (await told(apps, ann))[0] == (Kind.COMMENT_REPLY, answer, "Really?")
    await apps.done("likeComment", token, comment_id=root)
    assert (await told(apps, ben))[0] == (Kind.COMMENT_LIKE, root, "")
    for app in (Client.ANDROID, Client.IOS):
        entries = await apps.done("showAllNotifications", bens, app, user_id=ben, starting_point=0)
        assert [entry["Notification"]["type"] for entry in entries] == ["comment_like", "comment_reply"]
        assert {entry["Video"]["id"] for entry in entries} == {video}


async def test_users_who_do_not_see_the_video_are_not_told(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int
) -> None:
    root = await comment(apps, bens, video)
    await apps.database.execute("update video set privacy = 'private'")
    await comment(apps, token, video, "For me", parent_id=root, users_json=[{"user_id": ben}])
    await apps.done("likeComment", token, comment_id=root)
    assert await told(apps, ben) == []


async def test_the_switch_of_the_receiver_holds(apps: Apps, ann: UserId, token: str, bens: str, video: int) -> None:
    await apps.database.execute("update push_setting set comments = false where user_id = $1", ann)
    await comment(apps, bens, video)
    assert await told(apps, ann) == []


async def test_what_is_gone_when_the_job_runs_is_not_told(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int
) -> None:
    root = await comment(apps, bens, video)
    for _ in range(2):
        await apps.done("likeComment", token, comment_id=root)
    assert await told(apps, ben) == []
    await apps.done("likeComment", token, comment_id=await comment(apps, bens, video, "Another"))
    await apps.done("likeComment", bens, comment_id=root)
    await apps.database.execute("delete from video_comment")
    assert await told(apps, ann) == [(Kind.VIDEO_COMMENT, root, "Great!")], "told before"
    assert await told(apps, ben) == []


# ── deleting ──


@pytest.mark.parametrize("app", APPS)
async def test_author_and_owner_delete_a_comment_with_its_replies(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int, app: Client
) -> None:
    cids = await apps.token(await new_user(apps.database))
    field = "comment_id" if app is Client.DOCUMENT else "id"
    reply_field = "comment_reply_id" if app is Client.DOCUMENT else "id"
    for deleter in (bens, token):
        root = await comment(apps, bens, video)
        reply = await comment(apps, cids, video, "Yes", parent_id=root)
        of_root: dict[str, Any] = {field: str(root)}
        of_reply: dict[str, Any] = {reply_field: reply}
        await apps.done("likeComment", token, comment_id=root)
        await apps.done("pinComment", token, video_id=video, pin_comment_id=root)
        assert len(await told(apps, ann)) == 2
        assert len(await told(apps, ben)) == 2
        answer = await apps.call("deleteVideoComment", cids, app, **of_root)
        assert answer["msg"] == "Only its author and the owner of the video can delete a comment."
        assert await apps.done("deleteVideoCommentReply", cids, app, **of_reply) == "The comment was deleted."
        await comment(apps, cids, video, "Still yes", parent_id=root)
        assert await apps.done("deleteVideoComment", deleter, app, **of_root) == "The comment was deleted."
        assert (await apps.call("deleteVideoComment", deleter, app, **of_root))["msg"] == "There is no such comment."
        assert await texts(apps, token, video) == []
        assert await comment_count(apps, video) == 0
        assert await told(apps, ann) == await told(apps, ben) == [], "inboxes have nothing of it either"
        assert await inbox.unread(apps.database, ben) == 0
    for endpoint in ("deleteVideoComment", "deleteVideoCommentReply"):
        assert (await apps.call(endpoint, token, app, id="0"))["msg"] == "id is missing."


# ── pinning ──


@pytest.mark.parametrize("app", APPS)
async def test_the_owner_pins_a_comment(
    apps: Apps, ann: UserId, token: str, bens: str, video: int, app: Client
) -> None:
    first, second = await comment(apps, bens, video, "first"), await comment(apps, bens, video, "second")
    reply = await comment(apps, bens, video, "reply", parent_id=first)
    field = "comment_id" if app is Client.DOCUMENT else "pin_comment_id"

    async def pin(comment_id: object, token: str = token) -> Any:
        body: dict[str, Any] = {"video_id": str(video), field: comment_id}
        return await apps.call("pinComment", token, app, **body)

    answer = await pin(str(first))
    assert answer["msg"]["Video"]["pin_comment_id"] == first
    assert await texts(apps, bens, video) == ["first", "second"]
    (shown, _) = await apps.done("showVideoComments", bens, app, video_id=video)
    assert shown["Video"]["pin_comment_id"] == first
    assert (await pin(second))["code"] == 200
    assert await texts(apps, bens, video) == ["second", "first"]
    for wrong in (reply, 2_000_000_000):
        assert (await pin(wrong))["msg"] == "There is no such comment."
    assert (await pin(first, bens))["msg"] == "Only the owner of the video can pin a comment."
    assert (await pin(""))["msg"] == "pin_comment_id is missing."
    answer = await pin("0")
    assert answer["msg"]["Video"]["pin_comment_id"] == 0
    assert await texts(apps, bens, video) == ["second", "first"]


async def test_a_pinned_comment_is_on_the_first_page_only(
    apps: Apps, token: str, bens: str, video: int, ben: UserId
) -> None:
    oldest = await comment(apps, bens, video, "oldest")
    await apps.database.execute(
        "insert into video_comment (video_id, user_id, text) select $1, $2, n::text from generate_series(1, 12) as n",
        *(video, ben),
    )
    await apps.done("pinComment", token, video_id=video, pin_comment_id=oldest)
    assert await texts(apps, bens, video) == ["oldest", *(str(n) for n in range(12, 2, -1))]
    assert await texts(apps, bens, video, starting_point=1) == ["2", "1"]
    await ban(apps.database, ben)
    assert await texts(apps, token, video) == []


# ── reports ──


async def test_a_comment_is_reported_and_an_operator_removes_it(
    apps: Apps, ann: UserId, token: str, ben: UserId, bens: str, video: int
) -> None:
    root = await comment(apps, bens, video, "An insult")
    assert len(await told(apps, ann)) == 1
    await apps.done("reportComment", token, comment_id=str(root), report_reason_id="1", description="He insults me.")
    answer = await apps.call("reportComment", bens, comment_id=root, report_reason_id=1)
    assert answer["msg"] == "You cannot report yourself."
    row = await apps.database.fetchrow("select kind, thing_id, user_id, evidence->>'text' as text from report")
    assert row is not None
    assert tuple(row) == ("comment", str(root), ben, "An insult")
    thing = apps.platform.reports.reporting._things["comment"]
    assert thing.remove is not None
    async with apps.database.transaction() as connection:
        await thing.remove(connection, str(root))
        await thing.remove(connection, str(root))
    assert await texts(apps, token, video) == []
    assert await told(apps, ann) == []
