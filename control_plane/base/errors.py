"""The root of all errors that a caller is told about."""

from __future__ import annotations

from typing import ClassVar


class ControlPlaneError(Exception):
    """An expected failure. `str(error)` is a sentence for the person at the other end and holds no secret."""

    code: ClassVar[str] = "control_plane_error"
