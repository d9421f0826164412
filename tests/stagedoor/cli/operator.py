"""The commands, run in the process of the test: a program of their own takes a second to start."""

from __future__ import annotations

from pathlib import Path

from control_plane.base.errors import ControlPlaneError
from tests.stagedoor.cli.typed import typed

USAGE = 2


class Operator:
    def __init__(self, dsn: str, data_dir: Path, storage_url: str = "") -> None:
        self._environ = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(data_dir), "LIVE_STORAGE_URL": storage_url}

    async def types(self, *arguments: str) -> str:
        """What the command prints; raises its error."""
        result = await typed(*arguments, **self._environ)
        if isinstance(result.exception, ControlPlaneError):
            raise result.exception
        assert result.exit_code in (0, USAGE), result.output
        return result.output
