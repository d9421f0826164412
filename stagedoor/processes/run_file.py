"""The run file `run.json`: ports, pids and API keys of the running server, for scripts and for the next start."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control_plane.base import private_file
from control_plane.config.ports import NAMES, Ports


@dataclass(frozen=True, slots=True)
class Run:
    ports: Ports | None = None
    pids: Mapping[str, int | None] = field(default_factory=dict)
    """By part: control_plane, mediamtx, postgres. None: Stagedoor does not run this part."""
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    dev: bool = False
    signing: Mapping[str, str] = field(default_factory=dict)
    """Key id of the signing secret, by purpose. After a rotation, the running server still signs with the old one."""


class RunFile:
    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / "run.json"

    def write(self, run: Run) -> None:
        """Write the file, readable by its owner only, because it holds the apps' API keys."""
        content = {
            **(dataclasses.asdict(run.ports) if run.ports else {}),
            "pids": dict(run.pids),
            "api_keys": dict(run.api_keys),
            "dev": run.dev,
            "signing": dict(run.signing),
        }
        private_file.replace(self.path, json.dumps(content, indent=2))

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def mode(self) -> tuple[bool, dict[str, str]]:
        """`dev` and `signing` of the run. (False, {}): there is no readable file."""
        try:
            content: Any = json.loads(self.path.read_text())
            return bool(content["dev"]), {str(purpose): str(key_id) for purpose, key_id in content["signing"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False, {}

    def left_behind(self) -> tuple[dict[str, int], int | None]:
        """Ports and MediaMTX's pid of a run that is active or was killed. ({}, None): there is no readable file."""
        try:
            content: Any = json.loads(self.path.read_text())
            return {name: int(content[name]) for name in NAMES}, content["pids"]["mediamtx"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}, None
