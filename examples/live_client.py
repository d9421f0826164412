"""A viewer of a live stream: joins its socket, comes back after every loss without missing or repeating an event, and sends gifts.

    .venv/bin/python examples/live_client.py ws://localhost:8080/ws/live/42
    .venv/bin/python examples/live_client.py ws://localhost:8080/ws/live/42 --token "$TOKEN" --gift 1 --count 3

The class is the whole protocol; an app's adapter has the same parts in its own language.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp

Frame = dict[str, Any]

COME_BACK = {1001, 1006, 1011, 4508}
"""1006: the connection was lost, and nobody said why."""
TRY_AGAIN = {"database_unavailable", "rate"}
"""It may even have been sent; the key keeps it from being sent twice."""
WAIT_S = 30.0
LONGEST_PAUSE_S = 10.0
HEARTBEAT_S = 30.0
AGAIN_AFTER_S = 1.0


class Closed(Exception):
    """The server wants us to stop: 4401 sign in, 4403 not for you, 4404 no such stream, 4410 ended."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Refused(Exception):
    """A gift that was not sent, and why: `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotConnected(Refused):
    def __init__(self) -> None:
        super().__init__("closed", "The stream's socket has been closed.")


class LiveClient:
    """`frames` has to be read all the time; `send_gift` may be called meanwhile, also while the socket is away."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._after: int | None = None
        self._epoch = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._gifts: dict[str, tuple[Frame, asyncio.Future[int]]] = {}
        """Sent, and not answered yet."""
        self._over = False

    async def frames(self) -> AsyncIterator[Frame]:
        """Until the stream has ended. After a `hello` whose `recovered` is False, what was shown before is to be replaced by `hello.stream`;
        after any other one, events go on where they were. Raises Closed."""
        try:
            async with aiohttp.ClientSession() as session:
                failures = 0
                while True:
                    code = 1006
                    try:
                        async with session.ws_connect(
                            self._url, params=self._resume(), headers=self._headers, heartbeat=HEARTBEAT_S
                        ) as socket:
                            async for frame in self._read(socket):
                                failures = 0
                                yield frame
                            code = socket.close_code or 1006
                    except (aiohttp.ClientError, OSError, TimeoutError):
                        failures += 1
                    self._socket = None
                    if code == 4410:
                        return
                    await asyncio.sleep(pause_s(code, failures))
        finally:
            self._over = True
            for _, answer in self._gifts.values():
                if not answer.done():
                    answer.set_exception(NotConnected())

    async def send_gift(self, gift_id: int, count: int = 1) -> int:
        """The number of the event that it made. The key stays the same however often it has to be sent: it is paid once. Raises Refused."""
        key = str(uuid.uuid4())
        frame = {"type": "gift", "id": key, "gift_id": gift_id, "count": count}
        try:
            while not self._over:
                answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                self._gifts[key] = frame, answer
                await self._say(frame)
                try:
                    return await answer
                except Refused as refusal:
                    if refusal.code not in TRY_AGAIN:
                        raise
                await asyncio.sleep(AGAIN_AFTER_S)
        finally:
            self._gifts.pop(key, None)
        raise NotConnected

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Frame]:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                return  # broken
            frame: Frame = json.loads(message.data)
            if frame["type"] == "hello":
                if not frame["recovered"]:
                    self._after = frame["seq"]
                self._epoch = frame["epoch"]
                self._socket = socket
                for gift, _ in list(self._gifts.values()):
                    await self._say(gift)
            elif frame["type"] in ("ack", "error"):
                self._answered(frame)
                continue
            elif "seq" in frame:
                self._after = frame["seq"]
            yield frame

    def _resume(self) -> dict[str, str]:
        return {} if self._after is None else {"after": str(self._after), "epoch": self._epoch}

    async def _say(self, frame: Frame) -> None:
        """Not connected: it is said after the next `hello`."""
        if self._socket is not None:
            with suppress(aiohttp.ClientError, OSError):
                await self._socket.send_json(frame)

    def _answered(self, frame: Frame) -> None:
        _, answer = self._gifts.get(frame.get("id", ""), (None, None))
        if answer is None or answer.done():
            return
        if frame["type"] == "ack":
            answer.set_result(frame["seq"])
        else:
            answer.set_exception(Refused(frame["code"], frame["message"]))


def pause_s(code: int, failures: int) -> float:
    """Before the next attempt: at random, or all viewers of a server that restarts would be back in the same moment. Raises Closed."""
    if code == 4429:
        return WAIT_S
    if code not in COME_BACK:
        raise Closed(code)
    return random.uniform(0, min(3 + failures, LONGEST_PAUSE_S))  # noqa: S311


async def watch(url: str, token: str, gift_id: int | None, count: int) -> None:
    client = LiveClient(url, token)
    giving: asyncio.Task[None] | None = None
    async for frame in client.frames():
        show(frame)
        if gift_id is not None and giving is None:
            giving = asyncio.create_task(give(client, gift_id, count))
    if giving is not None:
        await giving


async def give(client: LiveClient, gift_id: int, count: int) -> None:
    try:
        say(f"sent: it is event {await client.send_gift(gift_id, count)}")
    except Refused as why:
        say(f"not sent: {why} ({why.code})")


def show(frame: Frame) -> None:
    data = frame.get("data", {})
    match frame["type"]:
        case "hello":
            stream = frame["stream"]
            say(f"stream {stream['id']} is {stream['status']}, {stream['viewers']} watching, {stream['coins']} coins")
        case "gift":
            say(f"{frame['seq']:>4}  {data['sender']['username']} gives {data['count']} × {data['title']}")
        case "status":
            say(f"{frame['seq']:>4}  {data['status']}")
        case "stats":
            say(f"      {frame['viewers']} watching, {frame['coins']} coins")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Watch a live stream's socket.")
    parser.add_argument("url", help="websocket_url, such as ws://localhost:8080/ws/live/42")
    parser.add_argument("--token", default="", help="session token; without one as a guest")
    parser.add_argument("--gift", type=int, metavar="ID", help="a gift to send on joining")
    parser.add_argument("--count", type=int, default=1)
    options = parser.parse_args()
    try:
        asyncio.run(watch(options.url, options.token, options.gift, options.count))
    except Closed as closed:
        say(str(closed))
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
