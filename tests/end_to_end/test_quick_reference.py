"""Runs every command of `docs/quick-reference.md` and compares the answers."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.platform import Stagedoor

CARD = Path(__file__).parents[2] / "docs" / "quick-reference.md"
DEFAULT_PORTS = {"http_port": 8080, "rtmp_port": 1935, "hls_port": 8888, "webrtc_port": 8889, "srt_port": 8890}
PRINT_END = "\nprintf '\\036'\n"

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("curl") is None, reason="the card is written with curl"),
]


def blocks(text: str) -> list[tuple[str, Any]]:
    """Each command and the expected answer; None if it prints nothing."""
    found: list[tuple[str, Any]] = []
    for language, content in re.findall(r"```(sh|json)\n(.*?)```", text, re.DOTALL):
        if language == "sh":
            found.append((content, None))
        else:
            command, nothing = found[-1]
            assert nothing is None, "two answers to one command"
            found[-1] = command, json.loads(content)
    return found


def differences(written: Any, answered: Any, place: str = "$") -> Iterator[str]:
    """Differences between the documented and the real answer. `…` matches anything; additional keys are allowed."""
    if isinstance(written, Mapping) and isinstance(answered, Mapping):
        for key, value in written.items():
            if key in answered:
                yield from differences(value, answered[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is missing"
    elif isinstance(written, Sequence) and not isinstance(written, str) and isinstance(answered, Sequence):
        for index, value in enumerate(written):
            yield from differences(value, answered[index], f"{place}[{index}]")
    elif isinstance(written, str) and isinstance(answered, str):
        pattern = ".+".join(re.escape(part) for part in written.split("…"))
        if not re.fullmatch(pattern, answered):
            yield f"{place} is {answered!r}, not {written!r}"
    elif written != answered or type(written) is not type(answered):
        yield f"{place} is {answered!r}, not {written!r}"


async def test_every_command_answers_what_is_written_below_it(own: Stagedoor) -> None:
    run = own.run
    card = blocks(CARD.read_text())
    script = PRINT_END.join(command for command, _ in card) + PRINT_END
    script = script.replace("localhost:8080", f"127.0.0.1:{run['http_port']}")
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    text = output.decode()
    for name, port in DEFAULT_PORTS.items():
        text = re.sub(rf"(localhost|127\.0\.0\.1):{run[name]}\b", f"localhost:{port}", text)
    printed = text.split("\x1e")[: len(card)]
    assert len(printed) == len(card) > 12
    for (command, written), answer in zip(card, printed, strict=True):
        if written is None:
            assert answer.strip() == "", command
        else:
            assert list(differences(written, json.loads(answer))) == [], command


@pytest.mark.parametrize(
    ("written", "answered"),
    [
        ({"a": 1}, {}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": "x…"}, {"a": "y1"}),
        ({"a": "…"}, {"a": ""}),
        ([{"a": 1}], [{"a": 2}]),
        ({"a": {}}, {"a": []}),
    ],
)
def test_a_difference_would_be_noticed(written: Any, answered: Any) -> None:
    assert list(differences(written, answered)) != []
