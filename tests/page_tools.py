"""Type checker, linter and accessibility checker of the pages: TypeScript, Biome and axe-core, pinned by `requirements/npm/package-lock.json`.

    python -m tests.page_tools            check the scripts and styles; installs the tools if they are missing
    python -m tests.page_tools install    install them only

They are installed by `npm ci` into the cache, in a folder that is named after the lock, so that a checkout has no `node_modules`.
"""

from __future__ import annotations

import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from mediamtx.obtain.build import npm_reason
from mediamtx.obtain.cache import default_directory, scratch_directory
from mediamtx.obtain.step import Progress, StepFailed, run_step
from mediamtx.obtain.toolchain import DEFAULT_LOCK, Toolchain

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "npm"
LOCK_FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_S = 300.0
INSTALL = (
    "ci",
    "--json",
    "--silent",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--include=optional",  # TypeScript and Biome are programs in optional packages, one per platform
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-timeout=30000",
)
CHECKS = (
    ("typescript/bin/tsc", "--project", "tsconfig.json"),
    ("@biomejs/biome/bin/biome", "lint", "--error-on-warnings"),
)


class PageTools:
    """`root`: the checkout whose pages are checked."""

    def __init__(self, progress: Progress, root: Path = ROOT) -> None:
        self._progress = progress
        self._root = root
        self._directory = default_directory() / "page-tools"
        self._toolchain = Toolchain(self._directory, DEFAULT_LOCK, progress)

    @property
    def home(self) -> Path:
        """The folder's name contains a hash of the lock and the platform, so that another lock is installed
        separately."""
        digest = hashlib.sha256()
        for name in LOCK_FILES:
            digest.update((LOCK / name).read_bytes())
        return self._directory / f"{sys.platform}-{platform.machine()}-{digest.hexdigest()[:16]}"

    def install(self) -> Path:
        """The folder with the packages. Takes seconds the first time, nothing afterwards. Raises StepFailed."""
        modules = self.home / "node_modules"
        if modules.exists():
            return modules
        self._directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / "lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            for left_behind in self._directory.glob("scratch-*"):
                shutil.rmtree(left_behind)
            if not modules.exists():
                self._install()
        return modules

    def _install(self) -> None:
        npm = self._toolchain.node().npm
        with scratch_directory(self._directory) as scratch:
            home = scratch / "home"
            home.mkdir()
            for name in LOCK_FILES:
                shutil.copyfile(LOCK / name, home / name)
            what = "installing TypeScript, Biome and axe-core with npm (once)"
            run_step(
                [*npm, *INSTALL], progress=self._progress, what=what, timeout_s=INSTALL_S, cwd=home, why=npm_reason
            )
            home.rename(self.home)

    def check(self) -> bool:
        """Whether all checks pass; they print what they find. Raises StepFailed."""
        modules, node = self.install(), self._toolchain.node().program
        statuses = [subprocess.call([node, modules / tool, *rest], cwd=self._root) for tool, *rest in CHECKS]
        return not any(statuses)

    def axe(self) -> str:
        """The script of axe-core. Raises StepFailed."""
        return (self.install() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def tell(line: str) -> None:
    sys.stderr.write(f"page tools: {line}\n")


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["install"]):
        tell("usage: python -m tests.page_tools [install]")
        return 2
    tools = PageTools(tell)
    try:
        if arguments:
            tools.install()
            return 0
        return 0 if tools.check() else 1
    except (StepFailed, OSError) as error:
        tell(f"TypeScript, Biome and axe-core are not installed. {error}")
        tell("They come from the registry that npm is set up for (`npm config get registry`); is it reachable?")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
