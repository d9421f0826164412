"""`scripts/smoke` against a healthy server, a broken one, and none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.end_to_end.platform import Stagedoor, hanging
from tests.ports import free_port

pytestmark = pytest.mark.timeout(180)

SMOKE = Path(__file__).parents[2] / "scripts" / "smoke"
STEPS = 14
RED = "\x1b[1;31m"


async def smoke(*arguments: str, **environ: str) -> tuple[int, str]:
    """Run it; returns exit status and output."""
    process = await asyncio.create_subprocess_exec(
        SMOKE,
        *arguments,
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(90):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, output.decode()


def outcomes(output: str) -> list[str]:
    """The result of each step: ok, skip or FAIL."""
    first = [line.split(maxsplit=1)[0] for line in output.splitlines() if line.strip()]
    return [word for word in first if word in {"ok", "skip", "FAIL"}]


async def test_a_server_that_is_well_passes_every_step_as_often_as_one_likes(own: Stagedoor) -> None:
    for _ in range(2):
        status, output = await smoke(own.url("/"))
        assert (status, outcomes(output)) == (0, ["ok"] * STEPS), output
        assert "token=" not in output
        assert "\x1b" not in output, "no colours where nobody sees them"
    assert await own.streams() == {}


async def test_a_media_server_that_hangs_is_noticed(own: Stagedoor) -> None:
    with hanging(own.run["pids"]["mediamtx"]):
        status, output = await smoke(own.url(""))
    assert (status, outcomes(output)) == (1, ["ok"] * 7 + ["FAIL"]), output
    assert "the publisher was not refused" in output


async def test_where_no_server_is_the_first_step_says_so() -> None:
    base = f"http://127.0.0.1:{free_port()}"
    status, output = await smoke(base)
    assert (status, outcomes(output)) == (1, ["FAIL"]), output
    colours = {"FORCE_COLOR": "1", "TERM": "xterm"}
    assert RED in (await smoke(base, **colours))[1]
    assert RED not in (await smoke(base, **colours, NO_COLOR="1"))[1]


async def test_production_needs_two_tokens_and_skips_what_it_does_not_have(empty: Stagedoor) -> None:
    empty.set(dev="0")
    await empty.start()
    status, output = await smoke(empty.url(""))
    assert (status, outcomes(output)) == (1, ["FAIL"]), "nobody comes in without a proof"
    tokens = {}
    for name in ("host", "fan"):
        await empty.command("users", "add", name)
        status, output = await empty.command("token", name)
        assert status == 0, output
        tokens[f"SMOKE_{name.upper()}_TOKEN"] = output.split()[-1]
    status, output = await smoke(empty.url(""), **tokens)
    assert status == 0, output
    assert outcomes(output) == ["ok"] * 11 + ["skip", "skip", "ok"], output


@pytest.mark.parametrize("arguments", [("localhost:8080",), ("http://localhost", "more")])
async def test_a_wrong_call_is_told(arguments: tuple[str, ...]) -> None:
    status, output = await smoke(*arguments)
    assert status == 2
    assert "usage" in output
