"""Smoke test: replays the six published calls and the whole live path against a running server.

Usage: `scripts/smoke [base URL]`. It works as a client over the network, with the URLs that the server returns. In
development mode it needs nothing else. In production it takes two session tokens from the environment
(SMOKE_HOST_TOKEN, SMOKE_FAN_TOKEN: `stagedoor token <user>`) and skips the steps that need development mode.
Exit status: 0 if all steps passed, 1 if one failed, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import aiohttp
from rich.console import Console

from control_plane.base.ffmpeg import FfmpegFailed
from ffmpeg_fixtures.publisher import Publisher

STARTED_AT = "2026-01-31 12:00:00"
GIFT_COUNT = 2
DEADLINE_S = 20.0
LISTED_WITHIN_S = 5
REFUSED_WITHIN_S = 15.0
"""MediaMTX delays its refusal by up to four seconds."""

Answer = dict[str, Any]
Frame = dict[str, Any]


class Failed(Exception):
    """A step failed. The text has no secrets."""


class Skipped(Exception):
    """A step cannot be tried here. The text is the reason."""


@dataclass
class Watching:
    """A live socket of the stream, with all received frames."""

    socket: aiohttp.ClientWebSocketResponse
    frames: list[Frame] = field(default_factory=list)

    async def read(self) -> None:
        async for message in self.socket:
            self.frames.append(json.loads(message.data))

    def events(self, type_: str) -> list[Answer]:
        return [frame["data"] for frame in self.frames if frame["type"] == type_ and "seq" in frame]


class Smoke:
    """One run. The steps depend on each other, so the run stops at the first failure."""

    def __init__(self, base: str, session: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.base = base
        self.session = session
        self.stack = stack
        self.host_token = os.environ.get("SMOKE_HOST_TOKEN", "")
        self.fan_token = os.environ.get("SMOKE_FAN_TOKEN", "")
        self.proven = bool(self.host_token)
        """True in production, where every call needs a session token."""
        self.host_id = 0
        self.stream: Answer = {}
        self.watching: Watching | None = None
        self.publisher: Publisher | None = None
        self.gift: Answer = {}

    @property
    def steps(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "registerUser": self.register_user,
            "showUserDetail": self.show_user_detail,
            "showRelatedVideos": self.show_related_videos,
            "liveStream": self.live_stream,
            "showCoinWorth": self.show_coin_worth,
            "showGifts": self.show_gifts,
            "go live": self.go_live,
            "a wrong key is refused": self.wrong_key,
            "live on the socket": self.publish,
            "what is live lists it": self.listed,
            "HLS plays": self.hls,
            "a purchase is credited": self.purchase,
            "a gift, once, on the socket": self.send_gift,
            "the end": self.end,
        }

    # ── the six published calls, which in development mode need no session ──

    async def register_user(self) -> None:
        if self.proven:
            claims = {"auth_token": self.host_token}
        else:
            claims = {
                "username": "smoke",
                "email": "smoke@example.com",
                "social_id": "smoke-1",
                "social": "google",
            }
        user = (await self.call("registerUser", claims))["User"]
        self.host_id = user["id"]
        self.host_token = user["auth_token"]

    async def show_user_detail(self) -> None:
        user = (await self.call("showUserDetail", {"user_id": str(self.host_id)}, self.six_token))["User"]
        expect(user["id"] == self.host_id, "the answer is another user")

    async def show_related_videos(self) -> None:
        body = {"user_id": str(self.host_id), "device_id": "smoke", "starting_point": 0}
        expect(isinstance(await self.call("showRelatedVideos", body, self.six_token), list), "msg is no list")

    async def live_stream(self) -> None:
        body = {"user_id": str(self.host_id), "started_at": STARTED_AT}
        stream = (await self.call("liveStream", body, self.six_token))["LiveStreaming"]
        expect(isinstance(stream["id"], int) and stream["id"] > 0, "the id is no positive number")

    async def show_coin_worth(self) -> None:
        worth = await self.call("showCoinWorth", {})
        expect({"CoinWorth", "CoinPackages"} <= worth.keys(), "a key is missing")

    async def show_gifts(self) -> None:
        catalogue = [entry["Gift"] for entry in await self.call("showGifts", {})]
        if not catalogue:
            raise Skipped("the catalogue is empty")
        self.gift = min(catalogue, key=lambda gift: int(gift["coin"]))

    @property
    def six_token(self) -> str:
        return self.host_token if self.proven else ""

    # ── the live path ──

    async def go_live(self) -> None:
        answer = await self.call("liveStream", {"started_at": STARTED_AT, "title": "Smoke"}, self.host_token)
        self.stream = answer["LiveStreaming"]
        self.stack.push_async_callback(self.leave_nothing_behind)
        for key in ("rtmp_url", "rtmp_server", "stream_key", "playback_url", "websocket_url"):
            expect(key in self.stream, f"{key} is missing")

    async def wrong_key(self) -> None:
        url = self.stream["rtmp_url"]
        async with Publisher(url[:-1] + ("A" if url[-1] != "A" else "B")) as publisher:
            try:
                status = await publisher.wait(REFUSED_WITHIN_S)
            except TimeoutError:
                raise Failed("the publisher was not refused") from None
        expect(status != 0, "the publisher was accepted")

    async def publish(self) -> None:
        socket = await self.session.ws_connect(self.stream["websocket_url"])
        watching = self.watching = Watching(socket)
        reading = asyncio.create_task(watching.read(), name="watching")
        self.stack.callback(reading.cancel)
        self.stack.push_async_callback(socket.close)
        await until(lambda: watching.frames, "hello")
        expect(watching.frames[0]["type"] == "hello", "the first frame is not hello")
        publisher = self.publisher = await self.stack.enter_async_context(Publisher(self.stream["rtmp_url"]))

        def live() -> bool:
            if publisher.returncode is not None:
                raise Failed(f"the publisher ended: {publisher.stderr_tail[-300:]}")
            return any(change["status"] == "live" for change in watching.events("status"))

        await until(live, "the event `live`")

    async def listed(self) -> None:
        for _ in range(LISTED_WITHIN_S):
            if await self.is_listed():
                return
            await asyncio.sleep(1)  # the server updates the list once a second
        raise Failed("the stream is on no page of /live")

    async def is_listed(self) -> bool:
        number, pages = 1, 1
        while number <= pages:
            async with self.session.get(urljoin(self.base, "live"), params={"page": number}) as response:
                expect(response.status == 200, f"/live answers {response.status}")
                page = await response.json()
            pages, number = page["pages"], number + 1
            if any(item["id"] == self.stream["id"] for item in page["streams"]):
                return True
        return False

    async def hls(self) -> None:
        index = await self.playlist(self.stream["playback_url"])
        media = await self.playlist(index.lines[0])
        async with self.session.get(media.lines[-1]) as response:
            expect(response.status == 200, f"a segment answers {response.status}")
            expect(len(await response.read()) > 1000, "a segment is empty")

    async def playlist(self, url: str) -> Playlist:
        """Poll until the playlist exists and lists something: for a moment a new stream has neither."""
        seen = "nothing"
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            async with self.session.get(url) as response:
                seen, text = f"HTTP {response.status}", await response.text()
                if response.status == 200 and (found := Playlist.of(str(response.url), text)).lines:
                    return found
            await asyncio.sleep(0.2)
        raise Failed(f"no playlist within {DEADLINE_S:.0f} s: {seen}")

    async def purchase(self) -> None:
        if self.proven:
            raise Skipped("coins are free in development mode only")
        fan = (await self.call("registerUser", {"auth_token": "dev:smoke-fan"}))["User"]
        self.fan_token = fan["auth_token"]
        receipt = await self.call("sandbox/purchases", {"coin": 100}, self.fan_token)
        body = {"coin": "100", "title": "100 coins", "price": "$0.99", "device": "smoke", **receipt}
        for _ in range(2):  # the second time changes nothing
            bought = (await self.call("purchaseCoin", body, self.fan_token))["User"]
            expect(bought["wallet"] == fan["wallet"] + 100, f"the wallet holds {bought['wallet']}")

    async def send_gift(self) -> None:
        watching = self.watching
        assert watching is not None, "a step before"
        if not self.fan_token or not self.gift:
            raise Skipped("no SMOKE_FAN_TOKEN" if self.gift else "the catalogue is empty")
        coins = GIFT_COUNT * int(self.gift["coin"])
        if self.proven and (await self.call("showUserDetail", {}, self.fan_token))["User"]["wallet"] < coins:
            raise Skipped(f"the user of SMOKE_FAN_TOKEN has fewer than {coins} coins")
        body = {
            "receiver_id": self.host_id,
            "gift_id": self.gift["id"],
            "gift_count": GIFT_COUNT,
            "client_ref": f"smoke-{uuid.uuid4()}",
        }
        first, again = [(await self.call("sendGift", body, self.fan_token))["User"]["wallet"] for _ in range(2)]
        expect(first == again, "a retry with the same client_ref was charged twice")
        await until(lambda: watching.events("gift"), "the gift")
        given = watching.events("gift")
        expect(len(given) == 1 and given[0]["coins"] == coins, f"the socket shows {len(given)} gifts")

    async def end(self) -> None:
        watching, publisher = self.watching, self.publisher
        assert watching is not None and publisher is not None, "a step before"  # noqa: PT018
        await self.finish()
        await until(lambda: watching.socket.close_code is not None, "the end on the socket")
        expect(watching.socket.close_code == 4410, f"the socket was closed with {watching.socket.close_code}")
        expect(watching.events("status")[-1]["status"] == "ended", "the last event is not the end")
        await until(lambda: publisher.returncode is not None, "the publisher is disconnected")

    async def finish(self) -> None:
        body = {"id": self.stream["id"], "ended_at": STARTED_AT}
        ended = (await self.call("liveStream", body, self.host_token))["LiveStreaming"]
        expect(ended["status"] == "ended", f"it is {ended['status']}")

    async def leave_nothing_behind(self) -> None:
        try:
            await self.finish()
        except (Failed, OSError, TimeoutError, aiohttp.ClientError):
            return  # a step has reported it; without a publisher the server ends the stream by itself

    async def call(self, endpoint: str, body: Answer, token: str = "") -> Any:
        """POST a call and return `msg` of its answer. Raises Failed if the call fails."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        path = endpoint if "/" in endpoint else f"api/{endpoint}"
        async with self.session.post(urljoin(self.base, path), json=body, headers=headers) as response:
            expect(response.status == 200, f"HTTP {response.status}")
            envelope = json.loads(await response.read())
        expect(envelope.get("code") == 200, f"code {envelope.get('code')}: {envelope.get('msg')}")
        return envelope["msg"]


@dataclass(frozen=True)
class Playlist:
    lines: list[str]
    """Absolute URLs of its entries."""

    @classmethod
    def of(cls, url: str, text: str) -> Playlist:
        named = [line for line in text.splitlines() if line.strip() and not line.startswith("#") and line != "gap.mp4"]
        return cls([urljoin(url, line) for line in named])


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


async def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {DEADLINE_S:.0f} s")
        await asyncio.sleep(0.05)


@asynccontextmanager
async def running(base: str) -> AsyncIterator[Smoke]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        yield Smoke(base, session, stack)


async def smoke(base: str, console: Console) -> bool:
    """Run all steps and print them. Returns whether all passed."""
    console.print(f"Stagedoor at {base}", highlight=False, markup=False)
    skipped = 0
    async with running(base) as run:
        for name, step in run.steps.items():
            began = time.monotonic()
            try:
                await step()
            except Skipped as why:
                skipped += 1
                line(console, "yellow", "skip", name, str(why))
            except (Failed, FfmpegFailed) as why:
                line(console, "bold red", "FAIL", name, str(why))
                return False
            except (OSError, TimeoutError, aiohttp.ClientError, ValueError, KeyError) as error:
                line(console, "bold red", "FAIL", name, f"{type(error).__name__}: {error}")
                return False
            else:
                line(console, "green", "ok", name, f"{(time.monotonic() - began) * 1000:.0f} ms")
    console.print(f"[bold green]All steps passed[/]{f', {skipped} were skipped' if skipped else ''}.")
    return True


def line(console: Console, style: str, outcome: str, name: str, note: str) -> None:
    console.print(f"[{style}]{outcome:>5}[/]  {name:<28}", end="", highlight=False)
    console.print(note, style="dim" if outcome == "ok" else "", highlight=False, markup=False, soft_wrap=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/smoke",
        description="Replays the six published calls and the whole live path against a running server.",
        epilog="In production, set SMOKE_HOST_TOKEN and SMOKE_FAN_TOKEN to sessions (stagedoor token <user>).",
    )
    parser.add_argument("base", nargs="?", default="http://localhost:8080", help="default: %(default)s")
    base = parser.parse_args().base
    if not base.startswith(("http://", "https://")):
        parser.error("the base URL must begin with http:// or https://")
    try:
        return 0 if asyncio.run(smoke(base.rstrip("/") + "/", Console(highlight=False))) else 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main())
