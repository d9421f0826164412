"""MediaMTX's files: its configuration, the hook file (address and secret), and under root a copy of the hook script.

They are in `<data dir>/mediamtx`. If root started us, MediaMTX's unprivileged user cannot reach that folder. Then they
are below `child.ROOTS_STATE`, owned by root and readable by that user alone, and `<data dir>/mediamtx/conf` and `hook`
are links.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from control_plane.base import child, private_file
from control_plane.base.child import Account, Kind
from mediamtx.node.config import MediaMTXConfig, render
from mediamtx.node.hook_command import hook_command, write_hook_file

_CONF = "conf"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MediaMTXHome:
    directory: Path
    """`<data dir>/mediamtx`, which also contains the log. We open the log, so MediaMTX's user need not reach it."""
    files: Path
    account: Account | None
    """User that MediaMTX runs as; None for our own."""

    @property
    def config_path(self) -> Path:
        """In a folder of its own: MediaMTX watches the whole folder, so a log in it would wake it at each line."""
        return self.files / _CONF / "mediamtx.yml"

    @property
    def config_paths(self) -> tuple[Path, ...]:
        """The current path, and the one that earlier releases used under root."""
        return self.config_path, self.directory / _CONF / "mediamtx.yml"

    @property
    def log_path(self) -> Path:
        return self.directory / "mediamtx.log"

    @property
    def hook_file(self) -> Path:
        return self.files / "hook"

    def make(self) -> None:
        """Create the folders and links. Under root, remove secrets that an earlier start left in the data directory.

        Raises OSError.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        child.make_files_of(self.directory, self.account)
        if self.account is None:
            return
        _open_to(self.account, self.files / _CONF)
        for place in (self.files / _CONF, self.hook_file):
            _link(self.directory / place.name, place)

    def write_config(self, config: MediaMTXConfig) -> None:
        private_file.replace(self.config_path, render(config), self.account)

    def write_hook(self, hooks_url: str, secret: str, script: Path) -> tuple[str, ...]:
        """Write the hook file and return the hook's command, empty if MediaMTX's user cannot run one. Raises OSError.

        Without hooks the reconciler sees publishers come and go within a second.
        """
        self.make()
        write_hook_file(self.hook_file, hooks_url, secret, self.account)
        if self.account is None:
            return hook_command(script, self.hook_file)
        python = _python_for_all()
        if python is None:
            log.warning("mediamtx_without_hooks", extra={"reason": f"{sys.executable} is closed to other users"})
            return ()
        copy = self.files / script.name
        private_file.replace(copy, script.read_text(encoding="utf-8"), self.account)
        return hook_command(copy, self.hook_file, python)


def home_of(directory: Path) -> MediaMTXHome:
    """Raises NoUnprivilegedUser."""
    account = child.account_for(Kind.MEDIA_SERVER)
    directory = directory.absolute()
    return MediaMTXHome(directory, child.files_of(directory, account), account)


def _link(door: Path, place: Path) -> None:
    if door.is_symlink() and door.readlink() == place:
        return
    if door.is_dir() and not door.is_symlink():
        shutil.rmtree(door)
    else:
        door.unlink(missing_ok=True)
    door.symlink_to(place)


def _open_to(account: Account, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, -1, account.gid)
    folder.chmod(0o750)


def _python_for_all() -> str | None:
    """A Python that every user can run: this interpreter, or the system's. The hook needs the standard library only."""
    for python in (sys.executable, shutil.which("python3", path=os.defpath)):
        if python and child.is_readable(Path(python)):
            return python
    return None
