"""The checkers of the pages: their pinned versions, their findings, and the errors if they cannot be installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.page_tools import LOCK, ROOT, PageTools

CONFIGURATION = ("tsconfig.json", "biome.json")
GOOD = "/** @param {string} name */\nexport const greeting = (name) => `Hello ${name}`;\n"
WRONG_TYPE = f"{GOOD}greeting(7);\n"
WRONG_STYLE = f"{GOOD}if (greeting('') == '') debugger;\n"


def test_every_package_is_pinned_by_hash_and_no_registry_is_named() -> None:
    lock = json.loads((LOCK / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {"node_modules/typescript", "node_modules/@biomejs/biome", "node_modules/axe-core"} <= set(packages)
    assert [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


@pytest.mark.parametrize(("script", "passes"), [(GOOD, True), (WRONG_TYPE, False), (WRONG_STYLE, False)])
def test_a_wrong_type_and_a_wrong_style_are_found(tmp_path: Path, script: str, passes: bool) -> None:
    for name in CONFIGURATION:
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("static", "docs"):
        (tmp_path / "api/pages" / folder).mkdir(parents=True)
    (tmp_path / "api/pages/static/page.js").write_text(script)
    assert PageTools(print, root=tmp_path).check() is passes


def test_without_the_registry_it_says_what_is_missing_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    settings = {"npm_config_registry": "http://127.0.0.1:9/", "npm_config_cache": str(tmp_path / "npm")}
    finished = subprocess.run(
        [sys.executable, "-m", "tests.page_tools"],
        cwd=ROOT,
        env=os.environ | settings | {"XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert finished.returncode == 1
    assert "TypeScript, Biome and axe-core are not installed" in finished.stderr
    assert "is it reachable?" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert [path.name for path in (tmp_path / "stagedoor/page-tools").iterdir()] == ["lock"]
