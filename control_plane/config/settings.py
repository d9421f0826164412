"""All settings: types, defaults, validation and loading.

A value comes from the environment (`LIVE_HTTP_PORT=8081`), else from the TOML file that `LIVE_CONFIG` names
(`http_port = 8081`), else from the default here. An unknown name or an invalid value stops the start, so that a typing
error does not silently run with a default.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.network import (
    ANY,
    is_loopback,
    is_private,
    lan_address,
    own_addresses,
    parse_network,
    public_address,
)

PREFIX = "LIVE_"
LONGEST_GRACE_S = 1800
"""The same limit as that of the column `stream.grace_s`."""
MEDIAMTX_PORTS = (
    *("rtmp_port", "hls_port", "webrtc_port", "webrtc_udp_port", "srt_port"),
    *("mediamtx_api_port", "hooks_port"),
)
"""The ports in MediaMTX's configuration."""
PUBLIC_URLS = ("public_url", "public_hls_url", "public_webrtc_url")

_HOST = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.\-]+)"
_PUBLIC_URL = re.compile(rf"https?://{_HOST}(:[1-9][0-9]{{0,4}})?/?", re.ASCII)
_HOOKS_URL = re.compile(rf"http://{_HOST}:[1-9][0-9]{{0,4}}(/[\w.\-/]*)?", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


class InvalidSettings(ControlPlaneError):
    """A setting is unknown or invalid. The text never quotes a secret value."""

    code = "invalid_settings"
    kind = ErrorKind.STOPS


def _setting(
    default: Any, doc: str, *, secret: bool = False, least: float | None = None, most: float | None = None
) -> Any:
    metadata = {"doc": doc, "secret": secret, "least": least, "most": most}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def _port(default: int, doc: str) -> Any:
    return _setting(default, f"{doc} (0: a free one)", least=0, most=65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an operator. Times are in seconds, sizes in bytes."""

    # ── addresses ──
    bind: str = _setting("127.0.0.1", "address that the public listeners bind to")
    lan: bool = _setting(
        False,
        "development mode for a phone in the same network: LIVE_BIND defaults to all addresses, LIVE_PUBLIC_HOST to "
        "this machine's address in the private network",
    )
    public_host: str = _setting("localhost", "public host name in the URLs that clients get")
    public_url: str = _setting(
        "",
        "URL of API, socket and pages behind a TLS proxy, such as https://live.example.com; empty: made from host and "
        "port",
    )
    public_hls_url: str = _setting("", "the same for HLS playback")
    public_webrtc_url: str = _setting("", "the same for WHIP and WHEP signalling")
    http_port: int = _port(8080, "API, live socket and pages")
    rtmp_port: int = _port(1935, "RTMP ingest")
    hls_port: int = _port(8888, "HLS playback")
    webrtc_port: int = _port(8889, "WHIP and WHEP signalling")
    webrtc_udp_port: int = _port(8189, "WebRTC media, UDP")
    srt_port: int = _port(8890, "SRT ingest, UDP")
    hooks_port: int = _port(9080, "hooks listener, which MediaMTX calls; private")
    hooks_bind: str = _setting("127.0.0.1", "address of the hooks listener")
    hooks_url: str = _setting(
        "",
        "URL at which MediaMTX calls the hooks listener, such as http://10.0.0.5:9080/hooks; empty: its address and "
        "port",
    )
    mediamtx_api_port: int = _port(9997, "MediaMTX's control API; private")
    mediamtx_api_bind: str = _setting("127.0.0.1", "address of MediaMTX's control API when Stagedoor runs it")
    trusted_proxies: tuple[str, ...] = _setting((), "networks whose X-Forwarded-For is trusted, separated by commas")

    # ── parts ──
    data_dir: Path = _setting(Path("data"), "directory of all data that must survive a restart")
    database_url: str = _setting("", "PostgreSQL 14 or newer; empty: an embedded one", secret=True)
    database_pool: int = _setting(10, "connections to PostgreSQL", least=2, most=200)
    mediamtx_bin: str = _setting("", "MediaMTX executable; empty: downloaded or built, and cached")
    ffmpeg: str = _setting("", "ffmpeg executable; empty: that of the Python package imageio-ffmpeg")
    mediamtx_api_url: str = _setting(
        "", "control API of a MediaMTX that you run; empty: Stagedoor runs one", secret=True
    )
    bus_url: str = _setting("", "message bus between control-plane processes; must be empty: PostgreSQL", secret=True)
    secrets_file: str = _setting("", "signing secrets; empty: secrets.json in the data directory")

    # ── behaviour ──
    dev: bool = _setting(
        False, "development mode: sandbox store, sign-in without proof, demo data; never on a public address"
    )
    body_identity: bool | None = _setting(None, "trust the user id in a request body (old app builds); empty: as `dev`")
    session_ttl_s: int = _setting(90 * 86400, "lifetime of a session token", least=60)
    grace_s: int = _setting(
        60, "how long an interrupted stream waits for its publisher before it ends", least=0, most=LONGEST_GRACE_S
    )
    never_published_s: int = _setting(
        600, "a stream that was never published ends after this time without live sockets and gifts", least=10
    )
    database_away_s: int = _setting(
        900, "how long publishers are admitted by the last known state while the database is unavailable", least=0
    )
    probes: int = _setting(
        2, "live streams that are probed at the same time, each by its own process; 0: no probes", least=0, most=64
    )
    probe_interval_s: int = _setting(30, "interval between two probes of a live stream", least=1)
    event_log_days: int = _setting(
        30, "days after a stream's end until its events are deleted; 0: never", least=0, most=36500
    )
    access_log: bool = _setting(False, "log every request")
    log_format: str = _setting("text", "text or json")
    log_level: str = _setting("info", "debug, info, warning or error")
    mediamtx_log_level: str = _setting(
        "warn", "warn, error or info; info logs what clients sent, including stream keys: use it only to find a fault"
    )
    metrics_token: str = _setting(
        "", "bearer token for /metrics and readiness details from other machines", secret=True
    )
    cash_per_coin: str = _setting(
        "0.005",
        "value of one coin on the cash-out screen, in whole currency units; keep it below the price of a coin in every "
        "package, or buying coins and cashing them out makes a profit",
    )

    # ── limits ──
    body_limit: int = _setting(1 << 20, "largest JSON body, bytes", least=1024)
    address_rate: int = _setting(600, "calls and pages per minute from one address", least=1)
    user_rate: int = _setting(300, "calls and live socket gifts per minute by one user", least=1)
    calls_per_address: int = _setting(128, "concurrent calls and pages from one address", least=1)
    connections_per_address: int = _setting(
        1024, "connections from one address, including live sockets; unlimited for trusted proxies", least=1
    )
    sockets_per_address: int = _setting(200, "live sockets from one address", least=1)

    # ── the apps' API keys; empty: generated and kept with the secrets ──
    api_key_ios: str = _setting("", "API key of the iOS app", secret=True)
    api_key_android: str = _setting("", "API key of the Java Android app", secret=True)
    api_key_android_kt: str = _setting("", "API key of the Kotlin Android app", secret=True)
    api_key_document: str = _setting("", "API key of all other clients", secret=True)

    def __post_init__(self) -> None:
        if self.log_format not in {"text", "json"}:
            raise InvalidSettings("LIVE_LOG_FORMAT must be text or json.")
        if self.log_level not in {"debug", "info", "warning", "error"}:
            raise InvalidSettings("LIVE_LOG_LEVEL must be debug, info, warning or error.")
        if self.mediamtx_log_level not in {"warn", "error", "info"}:
            raise InvalidSettings("LIVE_MEDIAMTX_LOG_LEVEL must be warn, error or info.")
        if not _AMOUNT.fullmatch(self.cash_per_coin):
            raise InvalidSettings("LIVE_CASH_PER_COIN must be an amount such as 0.005.")
        for network in self.trusted_proxies:
            try:
                parse_network(network)
            except ValueError:
                raise InvalidSettings(
                    f"LIVE_TRUSTED_PROXIES: {network!r} is not a network such as 10.0.0.0/8."
                ) from None
        if self.bus_url:
            raise InvalidSettings("LIVE_BUS_URL: only the default, PostgreSQL, is supported.")
        for name in PUBLIC_URLS:
            if getattr(self, name) and not _PUBLIC_URL.fullmatch(getattr(self, name)):
                raise InvalidSettings(
                    f"{_variable(name)} must be an address such as https://live.example.com, without a path."
                )
        if self.hooks_url and not _HOOKS_URL.fullmatch(self.hooks_url):
            raise InvalidSettings(
                "LIVE_HOOKS_URL must be an address such as http://10.0.0.5:9080/hooks, with its port."
            )
        if self.mediamtx_api_url:
            self.check_for_mediamtx_elsewhere()
        if self.lan and not self.dev:
            raise InvalidSettings(
                "LIVE_LAN works only in development mode: set LIVE_DEV=1 too, or unset it for production."
            )
        if self.dev:
            self._refuse_the_public()

    def check_for_mediamtx_elsewhere(self) -> None:
        """A MediaMTX that we do not run is configured before our start, so its ports and the hooks URL must be fixed.

        Raises InvalidSettings.
        """
        for name in MEDIAMTX_PORTS:
            if getattr(self, name) == 0:
                raise InvalidSettings(
                    f"{_variable(name)} is 0, a free port: a MediaMTX that Stagedoor does not run needs a fixed port."
                )
        if self.hooks_bind in ANY and not self.hooks_url:
            raise InvalidSettings(
                "LIVE_HOOKS_URL must be the address at which MediaMTX reaches the hooks listener, such as "
                f"http://10.0.0.5:9080/hooks, because LIVE_HOOKS_BIND is {self.hooks_bind!r}."
            )

    def _refuse_the_public(self) -> None:
        hosts = {"LIVE_BIND": self.bind, "LIVE_PUBLIC_HOST": self.public_host}
        hosts |= {"LIVE_HOOKS_BIND": self.hooks_bind, "LIVE_MEDIAMTX_API_BIND": self.mediamtx_api_bind}
        for name in PUBLIC_URLS:
            if url := _PUBLIC_URL.fullmatch(getattr(self, name)):
                hosts[_variable(name)] = url["host"].strip("[]")
        for variable, host in hosts.items():
            on_the_lan = self.lan and (is_private(host) or (variable == "LIVE_BIND" and host in ANY))
            if not is_loopback(host) and not on_the_lan:
                raise InvalidSettings(
                    "Development mode signs users in without proof and refuses to run on a public address: "
                    f"{variable} is {host!r}. Unset LIVE_DEV for production, or use "
                    f"{'an address of a private network' if self.lan else 'a loopback address'}."
                )

    @property
    def identity_from_body(self) -> bool:
        return self.dev if self.body_identity is None else self.body_identity

    @property
    def secrets_path(self) -> Path:
        return Path(self.secrets_file) if self.secrets_file else self.data_dir / "secrets.json"


def _variable(name: str) -> str:
    return PREFIX + name.upper()


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """The description of one setting, as `stagedoor settings` lists it."""

    name: str
    variable: str
    doc: str
    secret: bool
    default: Any


def describe() -> Iterator[SettingInfo]:
    for field in dataclasses.fields(Settings):
        yield SettingInfo(
            field.name, _variable(field.name), field.metadata["doc"], field.metadata["secret"], field.default
        )


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment and the TOML file. Raises InvalidSettings."""
    values: dict[str, Any] = {}
    if config := environ.get("LIVE_CONFIG"):
        values.update(_read_toml(Path(config)))
    for variable, text in environ.items():
        if variable.startswith(PREFIX) and variable != "LIVE_CONFIG":
            values[variable.removeprefix(PREFIX).lower()] = text
    hints = get_type_hints(Settings)
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    parsed = {}
    for name, value in values.items():
        if name not in fields:
            close = difflib.get_close_matches(name, fields, n=1)
            hint = f" Did you mean {PREFIX}{close[0].upper()}?" if close else " `stagedoor settings` lists them."
            raise InvalidSettings(f"There is no setting {PREFIX}{name.upper()}.{hint}")
        parsed[name] = _parse(fields[name], hints[name], value)
    if parsed.get("lan") and parsed.get("dev"):
        parsed = on_the_lan(parsed, own_addresses())
    return Settings(**parsed)


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


def _parse(field: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    variable = _variable(field.name)
    if isinstance(value, dict) or (isinstance(value, list) and kind != tuple[str, ...]):
        raise InvalidSettings(f"{variable} must be one value.")
    text = str(value).strip()
    if kind == bool | None and text == "":
        return None
    if kind in (bool, bool | None):
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise InvalidSettings(f"{variable} must be 1 or 0.")
    if kind is int:
        return _whole_number(variable, text, field.metadata["least"], field.metadata["most"])
    if kind is Path:
        return Path(text).expanduser()
    if kind == tuple[str, ...]:
        parts = value if isinstance(value, list) else text.split(",")
        return tuple(str(part).strip() for part in parts if str(part).strip())
    return text


def _whole_number(variable: str, text: str, least: int | None, most: int | None) -> int:
    try:
        number = int(text if text.isascii() else "")
    except ValueError:
        raise InvalidSettings(f"{variable} must be a whole number.") from None
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise InvalidSettings(f"{variable} must be {bounds}.")
    return number
