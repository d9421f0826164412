"""As much of an RTMP client as it takes to ask for a publish under any names, valid or not."""

from __future__ import annotations

import asyncio
import struct

_CHUNK = 65536


async def publish_attempt(
    host: str, port: int, app: bytes, name: bytes, deadline_s: float = 10.0, *, first: bytes = b"connect"
) -> bytes:
    """What the server sent after the handshake, until it closed, said a status of `publish`, or the deadline came. `first` is the name of the
    first command, of which a server expects that it is `connect`."""
    answer = bytearray()
    reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port), deadline_s)
    try:
        async with asyncio.timeout(deadline_s):
            writer.write(b"\x03" + bytes(1536))
            await reader.readexactly(1 + 1536)
            s2 = await reader.readexactly(1536)
            writer.write(s2)
            writer.write(_message(2, 1, 0, struct.pack(">I", _CHUNK)))
            url = b"rtmp://localhost/" + app
            connect = _text(first) + _number(1) + _object({b"app": app, b"tcUrl": url, b"type": b"nonprivate"})
            writer.write(_message(3, 20, 0, connect))
            writer.write(_message(3, 20, 0, _text(b"createStream") + _number(4) + b"\x05"))
            writer.write(_message(8, 20, 1, _text(b"publish") + _number(5) + b"\x05" + _text(name) + _text(b"live")))
            while b"NetStream." not in answer:
                part = await reader.read(65536)
                if not part:
                    break
                answer += part
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()
    return bytes(answer)


def _message(channel: int, kind: int, stream: int, payload: bytes) -> bytes:
    """One message; the first chunk has 128 bytes unless it is ours that raises the size."""
    head = bytes([channel]) + b"\0\0\0" + len(payload).to_bytes(3, "big") + bytes([kind]) + struct.pack("<I", stream)
    return head + payload


def _text(value: bytes) -> bytes:
    return b"\x02" + struct.pack(">H", len(value)) + value


def _number(value: float) -> bytes:
    return b"\x00" + struct.pack(">d", value)


def _object(values: dict[bytes, bytes]) -> bytes:
    inside = b"".join(struct.pack(">H", len(key)) + key + _text(value) for key, value in values.items())
    return b"\x03" + inside + b"\0\0\x09"
