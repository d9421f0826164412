"""Runs a command of `stagedoor` for a test, in this process."""

from __future__ import annotations

import asyncio

from typer.testing import CliRunner, Result

from stagedoor.cli import app


async def typed(*arguments: str, answer: str = "", **settings: str) -> Result:
    """Settings by their variables. In a thread, because a command runs an event loop of its own."""
    environ = {"COLUMNS": "200", **settings}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments, input=answer, env=environ))
