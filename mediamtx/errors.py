"""What can go wrong with the media server itself. What it answers is `control_plane.streams.media.model`'s business."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind


class MediaMTXError(ControlPlaneError):
    """The media server is not available, or does not run."""

    code = "mediamtx_failed"
    kind = ErrorKind.STOPS


class MediaMTXUnavailable(MediaMTXError):
    """No source gave the pinned executable. The text names each one, why it failed, and what to do."""

    code = "mediamtx_unavailable"


class MediaMTXNotStarted(MediaMTXError):
    """It died or stayed silent at its start; the text holds its own last words."""

    code = "mediamtx_not_started"


class PortTaken(MediaMTXNotStarted):
    """Somebody else listens where it should; `port_name` is the field of `MediaMTXConfig`."""

    code = "mediamtx_port_taken"

    def __init__(self, port_name: str, port: int) -> None:
        super().__init__(f"MediaMTX cannot listen on port {port} ({port_name}): it is in use by another program")
        self.port_name = port_name
        self.port = port


class MediaMTXGaveUp(MediaMTXError):
    """It died so often that starting it again is no help."""

    code = "mediamtx_gave_up"
