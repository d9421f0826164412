"""Declaration of settings: `setting` for one value, `port` for a port, `table` for a TOML table of settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from control_plane.base.errors import ControlPlaneError, ErrorKind

PREFIX = "LIVE_"


class InvalidSettings(ControlPlaneError):
    """A setting is unknown or invalid. The text never quotes a secret value."""

    code = "invalid_settings"
    kind = ErrorKind.STOPS


def setting(
    default: Any, doc: str, *, secret: bool = False, least: float | None = None, most: float | None = None
) -> Any:
    metadata = {"doc": doc, "secret": secret, "least": least, "most": most}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def port(default: int, doc: str) -> Any:
    return setting(default, f"{doc} (0: a free one)", least=0, most=65535)


def table(default: Callable[[], Any]) -> Any:
    """A field whose type is a dataclass of settings: a TOML table, and variables with its name before theirs."""
    return dataclasses.field(default_factory=default)


def variable_of(name: str) -> str:
    """The environment variable of a setting: `providers.google.issuer` is LIVE_PROVIDERS_GOOGLE_ISSUER."""
    return PREFIX + name.upper().replace(".", "_")
