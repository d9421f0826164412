"""Runs the commands of `README.md`, "Go live with curl", except the two that need ffmpeg or websocat."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.platform import Stagedoor

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("curl") is None, reason="it is written with curl"),
]

README = Path(__file__).parents[2] / "README.md"
OWN_PROGRAMS = re.compile(r"^(ffmpeg|websocat) (.*\\\n)*.*\n", re.MULTILINE)


def by_hand() -> str:
    section = README.read_text().split("\n## Go live with curl\n")[1]
    return section.split("```sh\n")[1].split("```")[0]


async def test_the_same_by_hand_works_as_it_is_written_and_twice(own: Stagedoor) -> None:
    await own.sign_in("somebody-before")
    script, programs = OWN_PROGRAMS.subn("", by_hand())
    assert programs == 2
    script = script.replace("http://localhost:8080", own.url(""))
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert (process.returncode, errors) == (0, b"")
        bought, gave, ended = [
            json.loads(answer) for answer in re.findall(r"\{\"code\".*?\}(?=\{\"code\"|$)", output.decode())
        ]
        assert [answer["code"] for answer in (bought, gave, ended)] == [200, 200, 200], output
        assert gave["msg"]["GiftSend"]["coin"] == 3
        assert ended["msg"]["LiveStreaming"]["status"] == "ended"
