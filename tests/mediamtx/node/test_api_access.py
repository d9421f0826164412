"""Only we can run commands through MediaMTX's control API: with the real server and a real browser."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from socket import AF_INET

import psutil
import pytest
from aiohttp import ClientSession, encode_basic_auth, web

from control_plane.streams.media.api_password import API_USER, api_authorization
from control_plane.streams.media.model import MediaServerUnavailable
from mediamtx.node.client import MediaMTXClient
from mediamtx.node.inspection import inspect
from tests.browser import chromium
from tests.mediamtx.rig import SECRET, Rig, running
from tests.waiting import until

KNOCK = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=sys.argv[2].encode()), timeout=10)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that MediaMTX's user can write, so that a command could show that it ran."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def command(marker: Path) -> dict[str, str]:
    return {"runOnInit": f"touch {marker}"}


async def nothing_ran(rig: Rig, marker: Path) -> None:
    """Assert that no command of a stranger ran: a command that we add with our password runs after all earlier ones."""
    ours = marker.with_name("ours")
    async with ClientSession(headers=api_authorization(rig.config.api_password)) as session:
        url = f"{rig.config.api_url}/v3/config/paths/add/ours"
        async with session.post(url, json=command(ours)) as response:
            assert response.status == 200
        await until(ours.exists)
        async with session.get(f"{rig.config.api_url}/v3/config/paths/list") as response:
            names = {item["name"] for item in (await response.json())["items"]}
    assert "theirs" not in names
    assert not marker.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": encode_basic_auth(API_USER, "wrong")},
        {"Authorization": encode_basic_auth("mediamtx", SECRET)},
        {"Authorization": "Bearer x"},
        {"Host": "localhost", "Origin": "http://127.0.0.1", "Content-Type": "text/plain"},
    ],
)
async def test_a_stranger_changes_and_reads_nothing(rig: Rig, folder: Path, headers: dict[str, str]) -> None:
    base = f"{rig.config.api_url}/v3/config"
    async with ClientSession(headers=headers) as session:
        async with session.post(f"{base}/paths/add/theirs", json=command(folder / "theirs")) as response:
            assert response.status == 401
        async with session.get(f"{base}/global/get") as response:
            assert response.status == 401
            assert SECRET not in await response.text()
    await nothing_ran(rig, folder / "theirs")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_another_user_of_this_machine_runs_nothing(rig: Rig, folder: Path) -> None:
    url = f"{rig.config.api_url}/v3/config/paths/add/theirs"
    knock = await asyncio.create_subprocess_exec(
        "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable, "-c", KNOCK,
        url, f'{{"runOnInit": "touch {folder / "theirs"}"}}',
        user="nobody", cwd="/", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answer, _ = await asyncio.wait_for(knock.communicate(), 30)
    assert answer.strip() == b"401"
    await nothing_ran(rig, folder / "theirs")


async def test_another_machine_of_the_network_runs_nothing(mediamtx_binary: Path, tmp_path: Path, folder: Path) -> None:
    """As a container beside MediaMTX's reaches its control API: not over loopback."""
    async with running(mediamtx_binary, tmp_path, api_bind="0.0.0.0") as rig:
        base = f"http://{own_address()}:{rig.config.api_port}/v3/config"
        async with ClientSession() as session:
            async with session.post(f"{base}/paths/add/theirs", json=command(folder / "theirs")) as response:
                assert response.status == 401
            async with session.get(f"{base}/global/get") as response:
                assert response.status == 401
        await nothing_ran(rig, folder / "theirs")


def own_address() -> str:
    """An address of this machine in a network, if it has one."""
    found = [
        entry.address for entries in psutil.net_if_addrs().values() for entry in entries if entry.family == AF_INET
    ]
    return next((address for address in found if not address.startswith("127.")), "127.0.0.2")


async def test_a_page_of_another_origin_runs_nothing(rig: Rig, folder: Path) -> None:
    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<!doctype html><title>theirs</title>", content_type="text/html")

    runner = web.ServerRunner(web.Server(page))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.2", 0).start()
    try:
        async with chromium() as browser:
            visited = await browser.new_page()
            await visited.goto(f"http://127.0.0.2:{runner.addresses[0][1]}/")
            sent = await visited.evaluate(
                "([url, body]) => fetch(url, {method: 'POST', mode: 'no-cors', body}).then(answer => answer.type)",
                [
                    f"{rig.config.api_url}/v3/config/paths/add/theirs",
                    f'{{"runOnInit": "touch {folder / "theirs"}"}}',
                ],
            )
    finally:
        await runner.cleanup()
    assert sent == "opaque", "the request did reach the server"
    await nothing_ran(rig, folder / "theirs")


async def test_our_client_and_the_doctor_are_answered(rig: Rig) -> None:
    assert (await rig.client.info()).version
    assert (await inspect(rig.config.api_url, rig.config.api_password)).differs(rig.config) == ()
    # MediaMTX pauses for up to 4 s after wrong credentials, and the inspection waits 3 s.
    with pytest.raises(MediaServerUnavailable, match=r"401|does not answer"):
        await inspect(rig.config.api_url, "wrong")
    async with MediaMTXClient(rig.config.api_url, "wrong", deadline_s=10) as stranger:
        with pytest.raises(MediaServerUnavailable, match="401"):
            await stranger.info()
    with_another_name = rig.config.api_url.replace("//", "//some:body@")
    async with MediaMTXClient(with_another_name, rig.config.api_password) as ours:
        assert (await ours.info()).version
