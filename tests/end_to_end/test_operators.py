"""Operators: from an empty production server to the first broadcast, and ending, revoking and banning."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

import pytest

from ffmpeg_fixtures.publisher import Publisher
from stagedoor.cli.streams import age
from tests.end_to_end.platform import Stagedoor, local, until, watching

pytestmark = pytest.mark.timeout(180)


async def done(platform: Stagedoor, *arguments: str) -> str:
    """Run a command; returns the last line of its output."""
    status, output = await platform.command(*arguments)
    assert status == 0, output
    return output.strip().splitlines()[-1]


async def acts(platform: Stagedoor) -> list[tuple[str, str]]:
    entries: list[dict[str, Any]] = json.loads(await done(platform, "audit", "--json"))
    return [(entry["act"], entry["subject"]) for entry in reversed(entries)]


async def test_from_an_empty_production_server_to_a_broadcast_that_an_operator_ends(stopped: Stagedoor) -> None:
    stopped.set(dev="0")
    await stopped.start()
    user_id = await done(stopped, "users", "add", "anna", "--email", "anna@example.com")
    assert "is an operator now" in await done(stopped, "users", "operator", "anna")
    token = await done(stopped, "token", user_id)
    stream = await stopped.go_live(token, title="First night")

    async with watching(stopped, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])) as publisher:
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        assert await done(stopped, "users", "ban", "anna") == "No publisher is connected to it now."
        assert await publisher.wait(10) != 0
        await viewer.sees(lambda seen: seen.close_code == 4410, what="the end")
    assert viewer.events()[-1]["data"]["reason"] == "operator"

    for endpoint in ("api/liveStream", "api/showUserDetail"):
        refused = await stopped.call(endpoint, token)
        assert refused["code"] != 200
        assert "have been blocked" in refused["msg"]
    status, output = await stopped.command("token", "anna")
    assert status == 1
    assert "have been blocked" in output

    await done(stopped, "users", "unban", "anna")
    assert (await stopped.call("api/liveStream", token))["code"] == 401, "the old session stays ended"
    user, first = f"user:{user_id}", f"stream:{stream['id']}"
    assert await acts(stopped) == [
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
    assert (await stagedoor.streams()).keys() == {first["id"], second["id"]}

    status, output = await stagedoor.command("stream", "ban", str(first["id"]), "--yes")
    assert status == 0
    assert f"eve (user {first['user_id']}) is banned." in output
    assert (await stagedoor.streams()).keys() == {second["id"]}
    assert "have been blocked" in (await stagedoor.call("api/liveStream", eve))["msg"]
    assert (await stagedoor.call("api/liveStream", dora))["code"] == 200
    for unknown in ("999", str(2**31), str(10**30)):
        status, output = await stagedoor.command("stream", "ban", unknown, "--yes")
        assert (status, f"There is no stream {unknown}." in output) == (1, True), output
    for change in ("end", "rotate", "revoke"):
        for unknown in ("0", str(2**31), str(10**30)):
            status, output = await stagedoor.command("stream", change, unknown)
            assert (status, f"There is no stream {unknown}." in output) == (1, True), output


async def test_users_and_streams_are_listed_for_people_and_for_scripts(stagedoor: Stagedoor) -> None:
    eve = await stagedoor.sign_in("eve")
    stream = await stagedoor.go_live(eve, title="Evening")
    later = await stagedoor.go_live(await stagedoor.sign_in("finn"))
    status, output = await stagedoor.command("stream", "list")
    header, *rows = (line.split() for line in output.strip().splitlines())
    assert (status, header[:4]) == (0, ["id", "host", "status", "since"])
    assert [row[:3] for row in rows] == [[str(later["id"]), "finn", "created"], [str(stream["id"]), "eve", "created"]]
    assert (await stagedoor.command("stream", "list", "--limit", "1"))[1].count("created") == 1

    newest = json.loads(await done(stagedoor, "users", "list", "--json", "--limit", "2"))
    assert [person["username"] for person in newest] == ["finn", "eve"]
    before = str(newest[-1]["id"])
    assert before not in [
        row.split()[0] for row in (await stagedoor.command("users", "list", "--before", before))[1].splitlines()
    ]
    shown = json.loads(await done(stagedoor, "users", "show", "eve", "--json"))
    assert (shown["username"], shown["stream_id"], shown["banned_at"]) == ("eve", stream["id"], None)
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


async def test_the_list_of_streams_says_how_many_watch(stagedoor: Stagedoor) -> None:
    answer = await stagedoor.done("api/liveStream", await stagedoor.sign_in("ada"), title="Hello")
    assert (answer["User"]["wallet"], answer["User"]["button"]) == (10_000, ""), "the own record, not that for others"
    assert answer["User"]["auth_token"]
    stream = answer["LiveStreaming"]
    async with watching(stagedoor, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])):
        await viewer.sees(lambda seen: seen.statuses() == ["live"])

        async def is_shown() -> bool:
            output = (await stagedoor.command("stream", "list"))[1]
            header, row = output.strip().splitlines()
            return row[header.index("viewers") :].split()[0] == "1"

        await until(is_shown, what="one viewer")
    settings = (await stagedoor.command("settings"))[1]
    assert "was started in" not in settings
    stagedoor.set(dev="0")
    assert "was started in development mode" in (await stagedoor.command("settings"))[1]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (1067, "17 min"), (7300, "2 h"), (200_000, "2 days")]
)
def test_an_age_is_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words


async def test_a_banned_user_is_refused_where_the_body_names_the_caller(stagedoor: Stagedoor) -> None:
    await done(stagedoor, "users", "ban", "ada")
    for refused in (
        await stagedoor.call("api/liveStream", user_id="1", started_at="2026-01-31 12:00:00"),
        await stagedoor.call("api/registerUser", auth_token="dev:ada"),
    ):
        assert "have been blocked" in refused["msg"]


async def test_between_a_rotation_and_the_restart_commands_give_what_the_server_takes(stopped: Stagedoor) -> None:
    stopped.set(dev="0")
    await stopped.start()
    await done(stopped, "users", "add", "ada")
    first = await done(stopped, "token", "ada")
    stream = await stopped.go_live(first)
    await done(stopped, "secrets", "rotate")
    found = json.loads((await stopped.command("doctor", "--json"))[1])
    assert [finding["part"] for finding in found if "rotated since" in finding["text"]] == ["secrets"]
    token = await done(stopped, "token", "ada")
    assert (await stopped.done("api/showUserDetail", token))["User"]["username"] == "ada"
    key = await done(stopped, "stream", "rotate", str(stream["id"]))
    async with watching(stopped, stream["id"]) as viewer, Publisher(local(f"{stream['rtmp_server']}/{key}")):
        await viewer.sees(lambda seen: seen.statuses() == ["live"], what="the new key is let in")
    await stopped.stop()
    await stopped.start()
    after = await done(stopped, "token", "ada")
    assert after.split(".")[0] != token.split(".")[0], "its header names the secret that signed it"
    for each in (first, token, after):
        assert (await stopped.done("api/showUserDetail", each))["User"]["username"] == "ada"


async def test_a_publisher_that_is_refused_is_told_so(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
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
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    ben, cyd = await stagedoor.sign_in("ben"), await stagedoor.sign_in("cyd")
    async with (
        watching(stagedoor, stream["id"], token=ben) as banned,
        watching(stagedoor, stream["id"], token=cyd) as revoked,
        watching(stagedoor, stream["id"]) as guest,
    ):
        await done(stagedoor, "users", "ban", "ben")
        await done(stagedoor, "users", "revoke", "cyd")
        for put_out in (banned, revoked):
            await put_out.sees(lambda viewer: viewer.close_code, what="the end")
        assert (banned.close_code, revoked.close_code, guest.close_code) == (4403, 4401, None)
