"""Loading of settings.

A value comes from the environment (`LIVE_HTTP_PORT=8081`), else from the TOML file that `LIVE_CONFIG` names
(`http_port = 8081`), else from its default. A setting of a table is `LIVE_PROVIDERS_GOOGLE_CLIENT_IDS` there, and
`client_ids` below `[providers.google]` here. An unknown name or an invalid value stops the start, so that a typing
error does not silently run with a default.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, get_type_hints

from control_plane.base.network import ANY, lan_address, own_addresses, public_address
from control_plane.config.declare import PREFIX, InvalidSettings, variable_of
from control_plane.config.settings import Settings

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_CONFIG = variable_of("config")


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """The description of one setting, as `stagedoor settings` lists it."""

    name: str
    """With the names of its tables before it: `providers.google.client_ids`."""
    kind: Any
    """Its type."""
    doc: str
    secret: bool
    default: Any
    least: float | None
    most: float | None

    @property
    def variable(self) -> str:
        return variable_of(self.name)

    def value_in(self, settings: Settings) -> Any:
        return attrgetter(self.name)(settings)


def describe(kind: type[Any] = Settings, above: str = "") -> Iterator[SettingInfo]:
    """The settings of this dataclass and of its tables. `above`: the dotted name of the table, with a dot."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name = above + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            yield from describe(hints[field.name], f"{name}.")
        else:
            yield SettingInfo(name=name, kind=hints[field.name], default=field.default, **field.metadata)


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment and the TOML file. Raises InvalidSettings."""
    known = {info.variable: info for info in describe()}
    names = [variable.removeprefix(PREFIX) for variable in known]
    values: dict[str, Any] = {}
    if config := environ.get(_CONFIG):
        values.update(_flat(_read_toml(Path(config)), {info.name for info in known.values()}))
    values.update((name, text) for name, text in environ.items() if name.startswith(PREFIX) and name != _CONFIG)
    parsed = {}
    for variable, value in values.items():
        if variable not in known:
            close = difflib.get_close_matches(variable.removeprefix(PREFIX), names, n=1)
            hint = f" Did you mean {PREFIX}{close[0]}?" if close else " `stagedoor settings` lists them."
            raise InvalidSettings(f"There is no setting {variable}.{hint}")
        parsed[known[variable].name] = _parse(known[variable], value)
    if parsed.get("lan") and parsed.get("dev"):
        parsed = on_the_lan(parsed, own_addresses())
    settings: Settings = _build(Settings(), parsed)
    return settings


def _flat(values: Mapping[str, Any], names: set[str], above: str = "") -> Iterator[tuple[str, Any]]:
    """Variables and values of a TOML file. A table is opened if a setting lies below it."""
    for key, value in values.items():
        name = above + key
        if any(known.startswith(f"{name}.") for known in names):
            if not isinstance(value, dict):
                raise InvalidSettings(f"{name} must be a table: [{name}].")
            yield from _flat(value, names, f"{name}.")
        else:
            yield variable_of(name), value


def _build(default: Any, parsed: Mapping[str, Any], above: str = "") -> Any:
    """A copy of `default` with the parsed values, the tables included."""
    changes = {}
    for field in dataclasses.fields(default):
        name, value = above + field.name, getattr(default, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = _build(value, parsed, f"{name}.")
        elif name in parsed:
            changes[field.name] = parsed[name]
    return dataclasses.replace(default, **changes)


def on_the_lan(parsed: dict[str, Any], addresses: Sequence[str]) -> dict[str, Any]:
    """Add LIVE_LAN's defaults for a machine with these addresses; explicit settings take precedence. Raises
    InvalidSettings."""
    bind = parsed.get("bind", "0.0.0.0")  # noqa: S104
    host = parsed.get("public_host") or lan_address(addresses)
    if host is None:
        raise InvalidSettings(
            "LIVE_LAN: no private network address found. Set LIVE_PUBLIC_HOST to the IP address or .local name that "
            "your phone can reach."
        )
    if bind in ANY and (public := public_address(addresses, bind)):
        raise InvalidSettings(
            "Development mode signs users in without proof, and this machine has the public address "
            f"{public}: set LIVE_BIND to its address in the private network."
        )
    return {**parsed, "bind": bind, "public_host": host}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise InvalidSettings(f"LIVE_CONFIG: {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"LIVE_CONFIG: {path} is not valid TOML: {error}.") from None


def _parse(info: SettingInfo, value: Any) -> Any:
    if isinstance(value, dict) or (isinstance(value, list) and info.kind != tuple[str, ...]):
        raise InvalidSettings(f"{info.variable} must be one value.")
    text = str(value).strip()
    if info.kind == bool | None and text == "":
        return None
    if info.kind in (bool, bool | None):
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise InvalidSettings(f"{info.variable} must be 1 or 0.")
    if info.kind is int:
        return _whole_number(info, text)
    if info.kind is Path:
        return Path(text).expanduser()
    if info.kind == tuple[str, ...]:
        parts = value if isinstance(value, list) else text.split(",")
        return tuple(str(part).strip() for part in parts if str(part).strip())
    return text


def _whole_number(info: SettingInfo, text: str) -> int:
    least, most = info.least, info.most
    try:
        number = int(text if text.isascii() else "")
    except ValueError:
        raise InvalidSettings(f"{info.variable} must be a whole number.") from None
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InvalidSettings(f"{info.variable} must be {bounds}.")
    return number
