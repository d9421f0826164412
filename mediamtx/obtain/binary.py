"""Obtain the pinned MediaMTX executable: from a given path, else the cache, else the release, else a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from control_plane.base import child
from control_plane.base.child import Kind, Limits
from mediamtx.errors import MediaMTXUnavailable
from mediamtx.obtain import release
from mediamtx.obtain.build import build
from mediamtx.obtain.cache import CachedBinary, default_directory, scratch_directory
from mediamtx.obtain.pinned import RELEASE_URL, VERSION
from mediamtx.obtain.step import Progress, StepFailed, run_step
from mediamtx.obtain.toolchain import DEFAULT_LOCK, Toolchain

_VERSION_S = 20.0
_WHAT_TO_DO = (
    "Connect to a network, or install Go 1.26 or newer and npm, "
    f"or set LIVE_MEDIAMTX_BIN to an executable of MediaMTX {VERSION}."
)
_BUILD_BEFORE = (
    "A server that root started does not build it. Run `python -m mediamtx obtain` before, or start the server as "
    "another user."
)


def silent(_line: str) -> None:
    """A `Progress` that drops its lines."""


def obtain(
    *,
    explicit: Path | None = None,
    cache_directory: Path | None = None,
    release_url: str = RELEASE_URL,
    toolchain_lock: Path = DEFAULT_LOCK,
    progress: Progress = silent,
    may_build: bool = True,
) -> Path:
    """Return the path of the executable. Blocks, for minutes if it has to be built.

    `may_build`: False for a server that root started, whose child processes must not be root's. An explicit path is
    checked and never replaced by another source. Raises MediaMTXUnavailable.
    """
    if explicit is not None:
        return _given(explicit)
    cached = CachedBinary(cache_directory or default_directory())
    if path := cached.verified():
        return path
    try:
        with cached.locked(progress):
            if path := cached.verified():
                return path
            cached.discard(progress)
            return _first_that_works(cached, release_url, toolchain_lock, progress, may_build)
    except StepFailed as error:
        raise MediaMTXUnavailable(f"MediaMTX {VERSION} is not available: {error}") from error
    except OSError as error:
        raise MediaMTXUnavailable(
            f"MediaMTX {VERSION} is not available: {cached.directory}: {error.strerror}"
        ) from error


def _given(path: Path) -> Path:
    path = path.expanduser().absolute()
    try:
        check_version(path)
    except StepFailed as error:
        raise MediaMTXUnavailable(
            f"LIVE_MEDIAMTX_BIN={path} is not an executable of MediaMTX {VERSION}: {error}. "
            "Correct it, or unset it to download or build the right version."
        ) from error
    return path


def _first_that_works(cached: CachedBinary, release_url: str, lock: Path, progress: Progress, may_build: bool) -> Path:
    toolchain = Toolchain(cached.directory / "toolchain", lock, progress)
    sources: list[tuple[str, Callable[[Path], Path]]] = [
        ("release archive", lambda scratch: release.download(release_url, scratch, progress)),
        ("Go module", lambda scratch: build(toolchain, scratch, progress)),
    ]
    if not may_build:
        sources.pop()
    reasons = [f"cache: nothing usable in {cached.home}"]
    for name, source in sources:
        with scratch_directory(cached.directory) as scratch:
            try:
                executable = source(scratch)
                check_version(executable)
                path = cached.place(executable)
                toolchain.remove()
                return path
            except StepFailed as error:
                reasons.append(f"{name}: {error}")
                progress(f"not from the {name}: {error}")
    what_to_do = _WHAT_TO_DO if may_build else _BUILD_BEFORE
    raise MediaMTXUnavailable(f"MediaMTX {VERSION} is not available. {'; '.join(reasons)}. {what_to_do}")


def check_version(executable: Path) -> None:
    """Raises StepFailed unless the file runs on this machine and reports the pinned version."""
    if not executable.is_file():
        raise StepFailed("no such file")
    account = child.account_for(Kind.MEDIA_SERVER)
    try:
        program = child.runnable(executable, account)
    except OSError as error:
        raise StepFailed(f"it cannot be run: {error.strerror}") from error
    answer = run_step(
        child.command([program, "--version"], account, Limits(cpu_s=int(_VERSION_S))),
        progress=silent, what="running it with --version", timeout_s=_VERSION_S,
        cwd=Path("/"), env=child.environment(account),
    )  # fmt: skip
    if answer.strip() != VERSION:
        raise StepFailed(f"its version is {answer.strip()[:40] or 'unknown'}")
