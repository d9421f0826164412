"""File descriptors: raising the limit of this process, and how many connections each listener may hold of them."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger(__name__)

LARGEST_LIMIT = 1 << 20
"""Largest limit of open files. Linux's default maximum per process, also where the hard limit is infinite."""
RESERVED = 48
"""Descriptors reserved for MediaMTX's control API, pipes to children and files, besides those of the hooks listener.
Fewer: a flood of public connections makes these fail."""
LEAST_HOOK_CONNECTIONS = 64
"""Connections that the hooks listener allows in any case."""
HOOKS_SHARE = 32
"""The hooks listener may use 1/HOOKS_SHARE of the descriptors. MediaMTX makes its calls one after the other, and closes
each connection after its call."""
PER_PROBE = 8
"""Descriptors reserved per probe."""
LEAST = 16
"""Public connections that are allowed in any case."""


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard limit, for this process and its children. Returns the new soft
    limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = LARGEST_LIMIT if hard == resource.RLIM_INFINITY else min(hard, LARGEST_LIMIT)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError) as error:
            log.warning("open_files_not_raised", extra={"soft": soft, "hard": hard, "why": str(error)})
            return soft
        return most
    return LARGEST_LIMIT if soft == resource.RLIM_INFINITY else soft


def public_connections(open_files: int, *, database_pool: int, probes: int) -> int:
    """The connection limit of the public listener. It leaves descriptors for everything else in this process."""
    return max(LEAST, open_files - RESERVED - hook_connections(open_files) - database_pool - PER_PROBE * probes)


def hook_connections(open_files: int) -> int:
    """The connection limit of the hooks listener."""
    return max(LEAST_HOOK_CONNECTIONS, open_files // HOOKS_SHARE)
