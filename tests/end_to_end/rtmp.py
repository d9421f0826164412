"""A minimal RTMP client: publishes under any name, valid or not, and sends media as no encoder would."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

_CHUNK = 65536
_SPS = bytes.fromhex("6764000cac3b50b04b420000030002000003003d08")
_PPS = bytes.fromhex("68ee3c80")
_PARAMETERS = (
    *(b"\x01", _SPS[1:4], b"\xff\xe1", struct.pack(">H", len(_SPS)), _SPS),
    *(b"\x01", struct.pack(">H", len(_PPS)), _PPS),
)
_KEY_FRAME = b"\x65\x88\x84\x00\x10"
_LOOKED_AT_MS = 3000
"""MediaMTX counts a publisher as complete when its timestamps exceed two seconds."""


AUDIO, VIDEO = 8, 9
"""Types of FLV tags and RTMP messages."""


class Tag(NamedTuple):
    """A tag of an FLV file, which is also the body of an RTMP message."""

    kind: int
    at_ms: int
    data: bytes

    @property
    def is_config(self) -> bool:
        """Whether it contains SPS and PPS."""
        return self.kind == VIDEO and self.data[1] == 0

    @property
    def is_key_frame(self) -> bool:
        return self.kind == VIDEO and self.data[0] >> 4 == 1 and not self.is_config


def tags(flv: bytes) -> Iterator[Tag]:
    at = 9 + 4
    while at + 11 <= len(flv):
        size = int.from_bytes(flv[at + 1 : at + 4])
        at_ms = int.from_bytes(flv[at + 7 : at + 8] + flv[at + 4 : at + 7])
        yield Tag(flv[at], at_ms, flv[at + 11 : at + 11 + size])
        at += 11 + size + 4


class Publishing:
    """A connection that publishes. `answer`: what the server sent after the handshake, up to a status of `publish`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._at_ms = 0
        self.answer = bytearray()

    @property
    def answered(self) -> bool:
        return b"NetStream." in self.answer

    @property
    def admitted(self) -> bool:
        return b"NetStream.Publish.Start" in self.answer

    async def ask(self, app: bytes, name: bytes, first: bytes = b"connect") -> None:
        """Request to publish; return when the server sends a status or closes. `first`: name of the first command."""
        await _greet(self._reader, self._writer)
        self._writer.write(_request(app, name, first))
        while not self.answered:
            part = await self._reader.read(65536)
            if not part:
                break
            self.answer += part

    def send_picture(self) -> None:
        """Send two key frames. After the first call the path is online at once."""
        if self._at_ms == 0:
            self._writer.write(_message(6, 9, 1, b"\x17\0\0\0\0" + b"".join(_PARAMETERS)))
        for _ in range(2):
            frame = struct.pack(">I", len(_KEY_FRAME)) + _KEY_FRAME
            self._writer.write(_message(6, 9, 1, b"\x17\x01\0\0\0" + frame, self._at_ms))
            self._at_ms += _LOOKED_AT_MS

    async def closed_while_silent(self) -> None:
        """Wait until the server closes, and send nothing."""
        with suppress(OSError):
            while await self._reader.read(65536):
                pass

    async def closed_by_the_server(self) -> None:
        """Wait until the server closes. Sends pictures meanwhile, because it also closes idle connections."""
        while True:
            try:
                async with asyncio.timeout(0.5):
                    if not await self._reader.read(65536):
                        return
            except TimeoutError:
                self.send_picture()
            except OSError:
                return


@asynccontextmanager
async def publishing(host: str, port: int) -> AsyncIterator[Publishing]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield Publishing(reader, writer)
    finally:
        writer.close()


async def publish(host: str, port: int, app: bytes, name: bytes, media: Iterable[Tag]) -> None:
    """Send each tag at its time, until the last one or until the server closes. Ignores the server's messages."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        await _greet(reader, writer)
        writer.write(_request(app, name, b"connect"))
        reading = asyncio.create_task(reader.read())
        loop = asyncio.get_running_loop()
        started = loop.time()
        for tag in media:
            await asyncio.wait({reading}, timeout=max(0.0, started + tag.at_ms / 1000 - loop.time()))
            if reading.done():
                break
            data = _text(b"@setDataFrame") + tag.data if tag.kind not in (AUDIO, VIDEO) else tag.data
            writer.write(_message(6, tag.kind, 1, data, tag.at_ms))
        reading.cancel()
    finally:
        writer.close()


async def publish_attempt(
    host: str, port: int, app: bytes, name: bytes, deadline_s: float = 10.0, *, first: bytes = b"connect"
) -> bytes:
    """Try to publish; return what the server sent until it closed, sent a status of `publish`, or the deadline passed.
    `first`: name of the first command; servers expect `connect`."""
    answer = bytearray()
    try:
        async with asyncio.timeout(deadline_s), publishing(host, port) as attempt:
            answer = attempt.answer
            await attempt.ask(app, name, first)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        pass
    return bytes(answer)


async def _greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x03" + bytes(1536))
    await reader.readexactly(1 + 1536)
    writer.write(await reader.readexactly(1536))


def _request(app: bytes, name: bytes, first: bytes) -> bytes:
    """All messages of a publish request, sent without waiting for answers."""
    url = b"rtmp://localhost/" + app
    connect = _text(first) + _number(1) + _object({b"app": app, b"tcUrl": url, b"type": b"nonprivate"})
    return b"".join(
        (
            _message(2, 1, 0, struct.pack(">I", _CHUNK)),
            _message(3, 20, 0, connect),
            _message(3, 20, 0, _text(b"createStream") + _number(4) + b"\x05"),
            _message(8, 20, 1, _text(b"publish") + _number(5) + b"\x05" + _text(name) + _text(b"live")),
        )
    )


def _message(channel: int, kind: int, stream: int, payload: bytes, at_ms: int = 0) -> bytes:
    """One RTMP message as a single chunk. Longer messages than 128 bytes need the raised chunk size."""
    head = (
        bytes([channel])
        + at_ms.to_bytes(3, "big")
        + len(payload).to_bytes(3, "big")
        + bytes([kind])
        + struct.pack("<I", stream)
    )
    return head + payload


def _text(value: bytes) -> bytes:
    return b"\x02" + struct.pack(">H", len(value)) + value


def _number(value: float) -> bytes:
    return b"\x00" + struct.pack(">d", value)


def _object(values: dict[bytes, bytes]) -> bytes:
    inside = b"".join(struct.pack(">H", len(key)) + key + _text(value) for key, value in values.items())
    return b"\x03" + inside + b"\0\0\x09"
