"""An example client of the live socket: it receives a stream's events, reconnects without losing or repeating one, and
sends gifts.

    .venv/bin/python examples/live_client.py ws://localhost:8080/ws/live/42
    .venv/bin/python examples/live_client.py ws://localhost:8080/ws/live/42 --token "$TOKEN" --gift 1 --count 3

`LiveClient` implements the whole protocol. Copy its parts to write a client in another language.
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
"""Close codes after which the client reconnects. 1006: the connection was lost without a close frame."""
TRY_AGAIN = {"database_unavailable", "rate"}
"""Errors after which a gift is sent again. Its idempotency key prevents a second payment."""
WAIT_S = 30.0
"""Pause after 4429, too many sockets or faulty frames. A shorter one is likely to be refused again."""
LONGEST_PAUSE_S = 10.0
"""Longest pause before a reconnect. Shorter overloads a server that restarts; longer keeps viewers waiting."""
HEARTBEAT_S = 30.0
"""Interval of the client's pings. Longer notices a lost connection later; shorter costs traffic and battery."""
AGAIN_AFTER_S = 1.0
"""Pause before a gift is sent again."""


class Closed(Exception):
    """The server closed the socket for good: 4401 not signed in, 4403 forbidden, 4404 no such stream, 4410 ended."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Refused(Exception):
    """A gift was not sent. `code` is for programs, the message for users."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotConnected(Refused):
    def __init__(self) -> None:
        super().__init__("closed", "The stream's socket is closed.")


class LiveClient:
    """Iterate over `frames` without pause. `send_gift` may be called at any time, connected or not."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._after: int | None = None
        self._epoch = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._gifts: dict[str, tuple[Frame, asyncio.Future[int]]] = {}
        """Gifts without an answer yet, by idempotency key."""
        self._over = False

    async def frames(self) -> AsyncIterator[Frame]:
        """Yields frames until the stream ends. After a `hello` with `recovered` False, replace the displayed state by
        `hello.stream`; otherwise events continue without a gap. Raises Closed."""
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
        """Send a gift and return the `seq` of its event. Retries reuse the idempotency key: it is paid once.

        Raises Refused.
        """
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
                return  # the connection is broken
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
        """Send a frame, if connected. Otherwise gifts are sent after the next `hello`."""
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
    """The pause before the next connection attempt. It is random, so that the viewers of a server that restarts do not
    all reconnect at the same moment. Raises Closed."""
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
    parser.add_argument("--token", default="", help="session token; without it you watch as a guest")
    parser.add_argument("--gift", type=int, metavar="ID", help="id of a gift to send after joining")
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
