"""Mutated inputs: valid ones with bytes flipped, cut or repeated, or values of other kinds. Repeatable by a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

_BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[" * 500,
    b"%00",
    b"\r\n",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**31, 2**63, 2**200),
    *("", " ", "\0", "\ud83d", "x" * 5000, "１２", "1", "-1", "live/1", "../../metrics", "a&b=c;d", "%00", "\u202e"),
    *([], {}, [[]], {"a": {}}, ["x"] * 100),
)


def mutations(valid: Sequence[dict[str, Any]], seed: int) -> Iterator[bytes]:
    """Endless mutations of these JSON objects."""
    chance = random.Random(seed)
    while True:
        message = dict(chance.choice(valid))
        if chance.random() < 0.7:
            _change_a_value(message, chance)
        encoded = json.dumps(message, ensure_ascii=chance.random() < 0.5).encode(errors="surrogatepass")
        for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
            encoded = _change_bytes(encoded, chance)
        yield encoded


def names(valid: Sequence[str], seed: int) -> Iterator[bytes]:
    """Endless mutations of these names."""
    chance = random.Random(seed)
    while True:
        name = chance.choice(valid).encode()
        for _ in range(chance.choice((0, 1, 1, 2, 5))):
            name = _change_bytes(name, chance)
        yield name[:2000]


def _change_a_value(message: dict[str, Any], chance: random.Random) -> None:
    name = chance.choice(list(message))
    if chance.random() < 0.15:
        del message[name]
    elif chance.random() < 0.1:
        message[str(chance.choice(_VALUES))[:50]] = message.pop(name)
    else:
        message[name] = chance.choice(_VALUES)


def _change_bytes(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    match chance.randrange(5):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + chance.choice(_BYTES) + data[at:]
        case 2:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 3:
            until = chance.randrange(at, len(data) + 1)
            return data[:until] + data[at:until] + data[until:]
        case _:
            until = chance.randrange(at, len(data) + 1)
            return data[:at] + data[until:]
