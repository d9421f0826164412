"""`docs/settings.md`, from the settings themselves: `.venv/bin/python -m control_plane.config.document > docs/settings.md`."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, get_type_hints

from control_plane.config.settings import PREFIX, SettingInfo, Settings, describe

INTRODUCTION = f"""\
# Settings

Written by `.venv/bin/python -m control_plane.config.document > docs/settings.md`; changes made here are lost.

A value comes from the environment (`{PREFIX}HTTP_PORT=8081`), else from the TOML file that `{PREFIX}CONFIG` names (`http_port = 8081`), else from
the default. An unknown name or an unreadable value stops the start with a sentence. `stagedoor settings` lists every setting with its value here;
secret ones are shown as *set*. Changes take effect at the next start.

```toml
# LIVE_CONFIG=/etc/stagedoor.toml
public_host = "live.example.com"
trusted_proxies = ["10.0.0.0/8"]
grace_s = 120
```
"""
HEAD = "| setting | default | takes | meaning |\n|---|---|---|---|"

_GROUP = re.compile(r"\s+# ── (?P<group>[^─]+) ──$|    (?P<name>[a-z_]+): ")
_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
_HINTS = get_type_hints(Settings)
_KINDS: dict[Any, str] = {bool: "1 or 0", bool | None: "1 or 0", int: "number", Path: "path", tuple[str, ...]: "list"}


def markdown() -> str:
    groups = _groups()
    sections = [
        f"## {group[0].upper()}{group[1:]}\n\n{_table(list(settings))}"
        for group, settings in groupby(describe(), lambda setting: groups[setting.name])
    ]
    return "\n".join([INTRODUCTION, *sections])


def _groups() -> dict[str, str]:
    """By setting: the heading above it in the source."""
    groups, group = {}, ""
    for line in inspect.getsource(Settings).splitlines():
        if match := _GROUP.match(line):
            group = match["group"] or group
            if match["name"]:
                groups[match["name"]] = group
    return groups


def _table(settings: Sequence[SettingInfo]) -> str:
    return "\n".join([HEAD, *_rows(settings)]) + "\n"


def _rows(settings: Sequence[SettingInfo]) -> Iterator[str]:
    for setting in settings:
        secret = " *(secret)*" if setting.secret else ""
        yield f"| `{setting.variable}` | {_default(setting.default)} | {_takes(setting)} | {setting.doc}{secret} |"


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{int(value)}`"
    text = "" if value in (None, ()) else str(value)
    return f"`{text}`" if text else ""


def _takes(setting: SettingInfo) -> str:
    bounds = _FIELDS[setting.name].metadata
    if bounds["most"] is not None:
        return f"{bounds['least']} to {bounds['most']}"
    if bounds["least"] is not None:
        return f"at least {bounds['least']}"
    return _KINDS.get(_HINTS[setting.name], "text")


if __name__ == "__main__":
    sys.stdout.write(markdown())
