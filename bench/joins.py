"""Benchmark of HLS viewers joining a stream through the real MediaMTX, each with a new session and a new connection.

A join is the HLS index with the redirect of the cookie check. Three servers have the same version, configuration and
small publisher: one uses our callback, one a bare `web.Server` that always answers 200, one has no callback. Nothing is
pinned: they share the cores as in production.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import aiohttp

from bench.load import Callers, Load, Measured, callers
from bench.looped import looped_publishers
from bench.platform import PORTS, Platform, platform, until
from bench.processes import child
from bench.report import Target, figure, heading, ratio, step, table
from control_plane.config.loading import load
from control_plane.config.ports import reserve
from mediamtx.node.config import MediaMTXConfig, render
from mediamtx.obtain.binary import obtain

CALLERS = 8
JOINS_AT_ONCE = 250
"""Joins per server and round. A fixed number rather than a fixed time: sessions live for half a minute and MediaMTX
slows down with their number, so the fastest server would be slowed most."""
LONGEST_S = 20.0
JOINS = Target(0.9, at_least=True)
ONLINE_S = 20.0
STOP_S = 10.0


async def run(quick: bool) -> None:
    heading("joins", quick)
    rounds = 2 if quick else 9
    async with contextlib.AsyncExitStack() as stack:
        calling = await stack.enter_async_context(callers())
        bare = await stack.enter_async_context(child("bench.bare", {}))
        ours = await stack.enter_async_context(platform())
        session = ours.session
        _, token = await ours.sign_in("host")
        stream = await ours.go_live(token)
        asks_bare = await stack.enter_async_context(media_server(bare.port, "http"))
        asks_nobody = await stack.enter_async_context(media_server(bare.port, "internal"))
        path = f"live/{stream['id']}"
        addresses = [stream["rtmp_url"]] + [
            f"rtmp://127.0.0.1:{config.rtmp_port}/{path}" for config in (asks_bare, asks_nobody)
        ]
        await stack.enter_async_context(looped_publishers(addresses))
        servers = {"ours": ours.run["hls_port"], "bare": asks_bare.hls_port, "internal": asks_nobody.hls_port}
        step("Waiting for the three streams")
        for port in servers.values():
            await until(lambda port=port: plays(session, port, path), ONLINE_S, "the stream can be joined")  # type: ignore[misc]
        pids = {"ours": ours.pid, "bare": bare.pid, "internal": bare.pid}
        step(f"{rounds} rounds of {len(servers)} × {JOINS_AT_ONCE} joins")
        joined = await measure(calling, servers, pids, path, rounds)
        show(joined)
        await sessions(ours)


async def measure(
    calling: Callers, servers: Mapping[str, int], pids: Mapping[str, int], path: str, rounds: int
) -> Mapping[str, list[Measured]]:
    joined: dict[str, list[Measured]] = defaultdict(list)
    for number in range(rounds + 1):
        for server, port in servers.items():
            load = Load(
                port,
                [get(f"/{path}/index.m3u8")] * JOINS_AT_ONCE,
                CALLERS,
                LONGEST_S,
                keep_alive=False,
                once=True,
                then=get(f"/{path}/index.m3u8?cookieCheck=1"),
                expect=b"#EXTM3U",
            )
            measured = await calling.measure(load, pids[server])
            if number:
                joined[server].append(measured)
    return joined


def show(joined: Mapping[str, list[Measured]]) -> None:
    rows = []
    for server, measured in joined.items():
        against_bare = [
            one.answers.per_s / base.answers.per_s for one, base in zip(measured, joined["bare"], strict=True)
        ]
        against_none = [
            one.answers.per_s / base.answers.per_s for one, base in zip(measured, joined["internal"], strict=True)
        ]
        rows.append(
            [
                {"ours": "our callback", "bare": "bare callback", "internal": "internal, no callback"}[server],
                figure(median(one.answers.per_s for one in measured)),
                ratio(against_bare, JOINS if server == "ours" else None),
                ratio(against_none),
                *(figure(median(one.answers.quantile_ms(share) for one in measured), "ms") for share in (0.5, 0.99)),
                figure(median(one.cpu_us for one in measured), "µs") if server != "internal" else "",
            ]
        )
    columns = [
        "auth",
        "joins/s",
        f"against bare ({JOINS})",
        "against internal",
        "p50",
        "p99",
        "callback's CPU per join",
    ]
    table(f"HLS viewers joining through MediaMTX, {CALLERS} callers", columns, rows)


async def sessions(ours: Platform) -> None:
    api = f"http://127.0.0.1:{ours.run['mediamtx_api_port']}/v3/paths/list"
    async with ours.session.get(api, headers=ours.media_api) as response:
        size = len(await response.read())
    step(f"The listing of paths, with all these readers, is {size:,} bytes")


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n".encode()


async def plays(session: aiohttp.ClientSession, port: int, path: str) -> bool:
    try:
        async with session.get(f"http://127.0.0.1:{port}/{path}/index.m3u8") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def media_server(callback_port: int, auth: str) -> AsyncIterator[MediaMTXConfig]:
    """A MediaMTX with the platform's configuration, hooks that do nothing, and `auth`: `http` (callback at this
    port) or `internal` (no callback)."""
    settings = load({f"LIVE_{name.upper()}_PORT": "0" for name in PORTS})
    ports, listeners = reserve(settings, {}, media_server_runs=False)
    for listener in listeners:
        listener.close()
    config = MediaMTXConfig(
        hooks_url=f"http://127.0.0.1:{callback_port}/hooks",
        hook_secret="0" * 64,
        hook_command=("/bin/true",),
        rtmp_port=ports.rtmp_port,
        hls_port=ports.hls_port,
        webrtc_port=ports.webrtc_port,
        webrtc_udp_port=ports.webrtc_udp_port,
        srt_port=ports.srt_port,
        api_port=ports.mediamtx_api_port,
    )
    binary = await asyncio.to_thread(obtain, explicit=None, progress=lambda _: None)
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        file = Path(folder) / "mediamtx.yml"
        file.write_text(render(config).replace('authMethod: "http"', f'authMethod: "{auth}"'))
        process = await asyncio.create_subprocess_exec(
            binary,
            file,
            cwd=folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            await until(lambda: listens(config.rtmp_port), STOP_S, "MediaMTX listens")
            yield config
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    async with asyncio.timeout(STOP_S):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
