"""Errors of the MediaMTX executable and process.

Errors of calls to its control API are in `control_plane.streams.media.model`.
"""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind


class MediaMTXError(ControlPlaneError):
    """Base class: MediaMTX is not available or does not run."""

    code = "mediamtx_failed"
    kind = ErrorKind.STOPS


class MediaMTXUnavailable(MediaMTXError):
    """No source provided the pinned executable. The text names each source, why it failed, and what to do."""

    code = "mediamtx_unavailable"


class MediaMTXNotStarted(MediaMTXError):
    """MediaMTX exited or did not answer while it started. The text includes the last lines of its log."""

    code = "mediamtx_not_started"


class PortTaken(MediaMTXNotStarted):
    """A port of MediaMTX is in use by another program. `port_name` is the field of `MediaMTXConfig`."""

    code = "mediamtx_port_taken"

    def __init__(self, port_name: str, port: int) -> None:
        super().__init__(f"MediaMTX cannot listen on port {port} ({port_name}): it is in use by another program")
        self.port_name = port_name
        self.port = port
