"""Operators: from an empty production server to the first broadcast, and ending, revoking and banning."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

import pytest

from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor, local, watching
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


async def done(platform: Stagedoor, *arguments: str) -> str:
    """Run a command; returns the last line of its output."""
    status, output = await platform.command(*arguments)
    assert status == 0, output
    return output.strip().splitlines()[-1]


async def acts(platform: Stagedoor) -> list[tuple[str, str]]:
    entries: list[dict[str, Any]] = json.loads(await done(platform, "audit", "--json"))
    return [(entry["act"], entry["subject"]) for entry in reversed(entries)]


async def test_from_an_empty_production_server_to_a_broadcast_that_an_operator_ends(empty: Stagedoor) -> None:
    empty.set(dev="0")
    await empty.start()
    user_id = await done(empty, "users", "add", "anna", "--email", "anna@example.com")
    assert "is an operator now" in await done(empty, "users", "operator", "anna")
    token = await done(empty, "token", user_id)
    stream = await empty.go_live(token, title="First night")

    async with watching(empty, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])) as publisher:
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        assert await done(empty, "users", "ban", "anna", "--yes") == "No publisher is connected to it now."
        assert await publisher.wait(10) != 0
        await viewer.sees(lambda seen: seen.close_code == 4410, what="the end")
    assert viewer.events()[-1]["data"]["reason"] == "operator"

    for endpoint in ("api/liveStream", "api/showUserDetail"):
        refused = await empty.call(endpoint, token)
        assert refused["code"] != 200
        assert "have been blocked" in refused["msg"]
    status, output = await empty.command("token", "anna")
    assert status == 1
    assert "have been blocked" in output

    await done(empty, "users", "unban", "anna")
    assert (await empty.call("api/liveStream", token))["code"] == 401, "the old session stays ended"
    user, first = f"user:{user_id}", f"stream:{stream['id']}"
    assert await acts(empty) == [
        ("user.added", user),
        ("user.made_operator", user),
        ("user.session_issued", user),
        ("user.banned", user),
        ("stream.ended", first),
        ("user.unbanned", user),
    ]


async def test_stream_ban_bans_the_host_of_that_stream_and_names_them_first(stagedoor: Stagedoor) -> None:
    dora, eve = await stagedoor.sign_in("dora"), await stagedoor.sign_in("eve")
    first, second = await stagedoor.go_live(eve), await stagedoor.go_live(dora)
    assert first["id"] != first["user_id"]
    status, output = await stagedoor.command("stream", "ban", str(first["id"]))
    assert status != 0, "nobody said yes"
    assert "Ban eve" in output
    assert {first["id"], second["id"]} <= (await stagedoor.streams()).keys()

    status, output = await stagedoor.command("stream", "ban", str(first["id"]), "--yes")
    assert status == 0
    assert f"eve (user {first['user_id']}) is banned." in output
    assert {first["id"], second["id"]} & (await stagedoor.streams()).keys() == {second["id"]}
    assert "have been blocked" in (await stagedoor.call("api/liveStream", eve))["msg"]
    assert (await stagedoor.call("api/liveStream", dora))["code"] == 200
    status, output = await stagedoor.command("stream", "ban", "999999", "--yes")
    assert (status, "There is no stream 999999." in output) == (1, True), output


async def test_users_and_streams_are_listed_for_people_and_for_scripts(stagedoor: Stagedoor) -> None:
    eve = await stagedoor.sign_in("evelyn")
    stream = await stagedoor.go_live(eve, title="Evening")
    later = await stagedoor.go_live(await stagedoor.sign_in("finn"))
    status, output = await stagedoor.command("stream", "list")
    header, *rows = (line.split() for line in output.strip().splitlines())
    assert (status, header[:4]) == (0, ["id", "host", "status", "since"])
    assert [row[:3] for row in rows[:2]] == [
        [str(later["id"]), "finn", "created"],
        [str(stream["id"]), "evelyn", "created"],
    ]
    assert (await stagedoor.command("stream", "list", "--limit", "1"))[1].count("created") == 1

    newest = json.loads(await done(stagedoor, "users", "list", "--json", "--limit", "2"))
    assert [person["username"] for person in newest] == ["finn", "evelyn"]
    before = str(newest[-1]["id"])
    assert before not in [
        row.split()[0] for row in (await stagedoor.command("users", "list", "--before", before))[1].splitlines()
    ]
    shown = json.loads(await done(stagedoor, "users", "show", "evelyn", "--json"))
    assert (shown["username"], shown["stream_id"], shown["banned_at"]) == ("evelyn", stream["id"], None)
    assert "(created)" in (await stagedoor.command("users", "show", before))[1]


async def test_the_access_log_names_address_and_app_and_not_the_key(stopped: Stagedoor) -> None:
    stopped.set(access_log="1", log_format="json")
    await stopped.start()
    key = stopped.run["api_keys"]["ios"]
    async with stopped.session.post(stopped.url("/api/showGifts"), json={}, headers={"Api-Key": key}) as response:
        assert (await response.json())["code"] == 200
    [line] = [json.loads(line) for line in stopped.log.splitlines() if '"showGifts"' in line]
    assert (line["address"], line["app"]) == ("127.0.0.1", "ios")
    assert key not in stopped.log


async def test_the_list_of_streams_says_how_many_watch(own: Stagedoor) -> None:
    answer = await own.done("api/liveStream", await own.sign_in("ada"), title="Hello")
    assert (answer["User"]["wallet"], answer["User"]["button"]) == (10_000, ""), "the own record, not that for others"
    assert answer["User"]["auth_token"]
    stream = answer["LiveStreaming"]
    async with watching(own, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])):
        await viewer.sees(lambda seen: seen.statuses() == ["live"])

        async def is_shown() -> bool:
            output = (await own.command("stream", "list"))[1]
            header, row = output.strip().splitlines()
            return row[header.index("viewers") :].split()[0] == "1"

        await until(is_shown, what="one viewer")
    settings = (await own.command("settings"))[1]
    assert "was started in" not in settings
    own.set(dev="0")
    assert "was started in development mode" in (await own.command("settings"))[1]


async def test_a_banned_user_is_refused_where_the_body_names_the_caller(own: Stagedoor) -> None:
    await done(own, "users", "ban", "ada", "--yes")
    for refused in (
        await own.call("api/liveStream", user_id="1", started_at="2026-01-31 12:00:00"),
        await own.call("api/registerUser", auth_token="dev:ada"),
    ):
        assert "have been blocked" in refused["msg"]


async def test_between_a_rotation_and_the_restart_commands_give_what_the_server_takes(empty: Stagedoor) -> None:
    empty.set(dev="0")
    await empty.start()
    await done(empty, "users", "add", "ada")
    first = await done(empty, "token", "ada")
    stream = await empty.go_live(first)
    await done(empty, "secrets", "rotate")
    found = json.loads((await empty.command("doctor", "--json"))[1])
    assert [finding["part"] for finding in found if "rotated since" in finding["text"]] == ["secrets"]
    token = await done(empty, "token", "ada")
    assert (await empty.done("api/showUserDetail", token))["User"]["username"] == "ada"
    key = await done(empty, "stream", "rotate", str(stream["id"]))
    async with watching(empty, stream["id"]) as viewer, Publisher(local(f"{stream['rtmp_server']}/{key}")):
        await viewer.sees(lambda seen: seen.statuses() == ["live"], what="the new key is let in")
    await empty.stop()
    await empty.start()
    after = await done(empty, "token", "ada")
    assert after.split(".")[0] != token.split(".")[0], "its header names the secret that signed it"
    for each in (first, token, after):
        assert (await empty.done("api/showUserDetail", each))["User"]["username"] == "ada"


async def test_a_publisher_that_is_refused_is_told_so(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("pia"))
    url = local(stream["rtmp_url"])
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ffmpeg_fixtures", "publish", url[:-1] + ("A" if url[-1] != "A" else "B")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        written, _ = await command.communicate()
    assert command.returncode == 1
    assert b"the key is wrong or rotated" in written


async def test_a_publisher_at_a_closed_port_is_told_that_nothing_listens() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"rtmp://127.0.0.1:{reserved.getsockname()[1]}/live/1?token=x"
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ffmpeg_fixtures", "publish", url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(30):
            written, _ = await command.communicate()
    assert command.returncode == 1
    assert b"nothing listens at this address" in written
    assert b"key is wrong" not in written


async def test_an_open_socket_ends_with_the_session(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("olaf"))
    bob, cyd = await stagedoor.sign_in("bob"), await stagedoor.sign_in("cyd")
    async with (
        watching(stagedoor, stream["id"], token=bob) as banned,
        watching(stagedoor, stream["id"], token=cyd) as revoked,
        watching(stagedoor, stream["id"]) as guest,
    ):
        await done(stagedoor, "users", "ban", "bob", "--yes")
        await done(stagedoor, "users", "revoke", "cyd")
        for disconnected in (banned, revoked):
            await disconnected.sees(lambda viewer: viewer.close_code, what="the end")
        assert (banned.close_code, revoked.close_code, guest.close_code) == (4403, 4401, None)
