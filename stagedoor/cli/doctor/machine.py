"""Doctor's checks of the machine: Python, settings, data directory, disk space, secrets file, open files and ffmpeg."""

from __future__ import annotations

import platform
import resource
import shutil
import stat
import tempfile
from pathlib import Path

from control_plane.base.ffmpeg import FfmpegFailed, executable, version
from control_plane.base.network import is_loopback
from control_plane.config import secrets
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import Installation

GIGABYTE = 1_000_000_000
ROOM_BYTES, LEAST_ROOM_BYTES = 2 * GIGABYTE, GIGABYTE // 5
OPEN_FILES = 8192
"""A hard limit below this is a warning."""


async def python(at: Installation) -> Finding:
    return ok(f"{platform.python_version()} on {platform.system()} {platform.machine()}")


async def settings(at: Installation) -> Finding:
    mode = "development" if at.dev else "production"
    if not at.dev and is_loopback(at.settings.public_host):
        return warning(
            f"{mode} mode, but the URLs for clients contain {at.settings.public_host}",
            "Set LIVE_PUBLIC_HOST to this server's public host name, and LIVE_BIND to 0.0.0.0 or its public address.",
        )
    if at.settings.public_url.startswith("https:") and not at.settings.trusted_proxies:
        return warning(
            f"{mode} mode behind a proxy that is not trusted",
            "Set LIVE_TRUSTED_PROXIES to its address. Otherwise all clients count as one: they share its rate limits, and "
            "one of them can use a sign-in code that another one has entered.",
        )
    return ok(f"{mode} mode, reached at {at.settings.public_url or at.settings.public_host}")


async def data_directory(at: Installation) -> Finding:
    folder = at.settings.data_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return broken(
            f"{folder} cannot be written to: {error.strerror}",
            "Give it to the user that runs Stagedoor, or set LIVE_DATA_DIR to another directory.",
        )
    free_bytes = shutil.disk_usage(existing).free
    text = f"{folder}, {free_bytes / GIGABYTE:.1f} GB free" + (
        "" if folder.exists() else ", created at the first start"
    )
    if free_bytes < LEAST_ROOM_BYTES:
        return broken(text, "Free some disk space: the database stops when the disk is full.")
    if free_bytes < ROOM_BYTES:
        return warning(text, "Free some disk space before the disk is full.")
    return ok(text)


async def secrets_file(at: Installation) -> Finding:
    path = at.settings.secrets_path.absolute()
    mine = secrets.load(path)
    if mine is None:
        return ok(f"{path}, created at the first start")
    if _open_to_others(path):
        return broken(f"others may read {path}", f"chmod 600 {path}, then `stagedoor secrets rotate`.")
    rotated = [
        purpose.value
        for purpose, ring in mine.keyrings.items()
        if at.signing.get(purpose) not in (None, ring.signing.key_id)
    ]
    if rotated:
        return warning(
            f"rotated since the server started: {', '.join(rotated)}", "Restart the server to sign with the new ones."
        )
    return ok(f"{path}, readable by its owner only")


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO))


async def open_files(at: Installation) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # the server raises its soft limit to this one
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        return warning(
            f"{hard} at once",
            "Every viewer takes one. Raise the hard limit: `ulimit -Hn 65536`, or LimitNOFILE=65536 in the systemd "
            "unit.",
        )
    return ok(f"{'any number' if hard == resource.RLIM_INFINITY else hard} at once")


async def ffmpeg(at: Installation) -> Finding:
    setting = at.settings.ffmpeg
    try:
        program = executable(setting)
        found = await version(program)
    except FfmpegFailed as error:
        if setting:
            return broken(
                f"LIVE_FFMPEG does not work: {error}",
                "Correct LIVE_FFMPEG, or leave it unset to use the bundled ffmpeg.",
            )
        return warning(
            str(error),
            "Demo videos and test pictures need it. Run `make run` to install the locked packages again, or set "
            "LIVE_FFMPEG to an ffmpeg of this machine.",
        )
    return ok(f"{found}, {program} ({'of LIVE_FFMPEG' if setting else 'bundled'})")
