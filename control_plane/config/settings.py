"""All settings: types, defaults and validation. `control_plane/config/loading.py` reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from control_plane.base.network import ANY, is_loopback, is_private, parse_network
from control_plane.config.declare import InvalidSettings, port, setting, table, variable_of
from control_plane.config.providers import Providers
from control_plane.config.push import PushSettings
from control_plane.config.stores import StoreSettings

LONGEST_GRACE_S = 1800
"""The same limit as that of the column `stream.grace_s`."""
MEDIAMTX_PORTS = (
    *("rtmp_port", "hls_port", "webrtc_port", "webrtc_udp_port", "srt_port"),
    *("mediamtx_api_port", "hooks_port"),
)
"""The ports in MediaMTX's configuration."""
UPLOADS = "uploads"
"""The folder below the data directory, for files of calls that have not ended."""
PUBLIC_URLS = ("public_url", "public_hls_url", "public_webrtc_url")

PROVIDER_URLS = {
    "google": ("issuer", "jwks_url", "authorize_url", "token_url"),
    "apple": ("issuer", "jwks_url", "authorize_url", "token_url", "revoke_url"),
    "facebook": ("issuer", "jwks_url"),
    "firebase": ("issuer", "jwks_url"),
}

STORE_URLS = {
    "apple": ("url",),
    "google": ("url", "token_url", "push_issuer", "push_jwks_url"),
    "stripe": ("url",),
}

_HOST = r"(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.\-]+)"
_PUBLIC_URL = re.compile(rf"https?://{_HOST}(:[1-9][0-9]{{0,4}})?/?", re.ASCII)
_STORAGE_URL = re.compile(rf"https?://{_HOST}(:[1-9][0-9]{{0,4}})?(/[\w.\-/]*)?", re.ASCII)
_PRODUCT_NAME = re.compile(r"[^\W_](?:[^\x00-\x1f\x7f-\x9f\u2028\u2029]{0,38}\S)?")
_HOOKS_URL = re.compile(rf"http://{_HOST}:[1-9][0-9]{{0,4}}(/[\w.\-/]*)?", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9\-]*", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an operator. Times are in seconds, sizes in bytes."""

    # ── addresses ──
    bind: str = setting("127.0.0.1", "address that the public listeners bind to")
    lan: bool = setting(
        False,
        "development mode for a phone in the same network: LIVE_BIND defaults to all addresses, LIVE_PUBLIC_HOST to "
        "this machine's address in the private network",
    )
    public_host: str = setting("localhost", "public host name in the URLs that clients get")
    public_url: str = setting(
        "",
        "URL of API, socket and pages behind a TLS proxy, such as https://live.example.com; empty: made from host and "
        "port",
    )
    public_hls_url: str = setting("", "the same for HLS playback")
    public_webrtc_url: str = setting("", "the same for WHIP and WHEP signalling")
    http_port: int = port(8080, "API, live socket and pages")
    rtmp_port: int = port(1935, "RTMP ingest")
    hls_port: int = port(8888, "HLS playback")
    webrtc_port: int = port(8889, "WHIP and WHEP signalling")
    webrtc_udp_port: int = port(8189, "WebRTC media, UDP")
    srt_port: int = port(8890, "SRT ingest, UDP")
    hooks_port: int = port(9080, "hooks listener, which MediaMTX calls; private")
    hooks_bind: str = setting("127.0.0.1", "address of the hooks listener")
    hooks_url: str = setting(
        "",
        "URL at which MediaMTX calls the hooks listener, such as http://10.0.0.5:9080/hooks; empty: its address and "
        "port",
    )
    mediamtx_api_port: int = port(9997, "MediaMTX's control API; private")
    mediamtx_api_bind: str = setting("127.0.0.1", "address of MediaMTX's control API when Stagedoor runs it")
    trusted_proxies: tuple[str, ...] = setting((), "networks whose X-Forwarded-For is trusted, separated by commas")
    country_header: str = setting(
        "",
        "header in which a trusted proxy names the client's country, such as CF-IPCountry, for the list of sessions "
        "and for phone numbers without a country code; empty: none",
    )

    # ── parts ──
    data_dir: Path = setting(Path("data"), "directory of all data that must survive a restart")
    database_url: str = setting("", "PostgreSQL 14 or newer; empty: an embedded one", secret=True)
    database_owner_url: str = setting(
        "",
        "the same database as the role that owns the tables, for migrations; empty: LIVE_DATABASE_URL",
        secret=True,
    )
    database_pool: int = setting(10, "connections to PostgreSQL", least=2, most=200)
    mediamtx_bin: str = setting("", "MediaMTX executable; empty: downloaded or built, and cached")
    ffmpeg: str = setting("", "ffmpeg executable; empty: that of the Python package imageio-ffmpeg")
    mediamtx_api_url: str = setting(
        "", "control API of a MediaMTX that you run; empty: Stagedoor runs one", secret=True
    )
    mail_url: str = setting(
        "",
        "mail server or mail service, as a URL of apprise, such as "
        "mailtos://user:password@mail.example.com?from=no-reply@example.com; empty: no mail",
        secret=True,
    )
    sms_url: str = setting(
        "",
        "SMS gateway, as a URL of apprise, such as jsons://gateway.example.com/send; empty: no text messages",
        secret=True,
    )
    bus_url: str = setting("", "message bus between control-plane processes; must be empty: PostgreSQL", secret=True)
    storage_url: str = setting(
        "",
        "where uploaded files are kept: s3://bucket/prefix?endpoint=…&region=…, with credentials in the query or in "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; empty: media in the data directory",
        secret=True,
    )
    storage_public_url: str = setting(
        "", "URL below which anyone can read the bucket's public files, such as a CDN; empty: signed addresses"
    )
    secrets_file: str = setting("", "signing secrets; empty: secrets.json in the data directory")

    # ── behaviour ──
    product_name: str = setting("Stagedoor", "the product's name in mails and text messages")
    dev: bool = setting(
        False, "development mode: sandbox store, sign-in without proof, demo data; never on a public address"
    )
    body_identity: bool | None = setting(None, "trust the user id in a request body (old app builds); empty: as `dev`")
    session_ttl_s: int = setting(90 * 86400, "lifetime of a session token", least=60)
    deletion_days: int = setting(
        30,
        "days after which a deleted account is removed for good; until then signing in brings it back",
        least=1,
        most=3650,
    )
    deleted_video_hours: int = setting(
        24, "hours after which the files of a deleted video are removed", least=0, most=8760
    )
    view_days: int = setting(90, "days after which it is deleted who saw which video for how long", least=1, most=3650)
    grace_s: int = setting(
        60, "how long an interrupted stream waits for its publisher before it ends", least=0, most=LONGEST_GRACE_S
    )
    never_published_s: int = setting(
        600, "a stream that was never published ends after this time without live sockets and gifts", least=10
    )
    database_away_s: int = setting(
        900, "how long publishers are admitted by the last known state while the database is unavailable", least=0
    )
    probes: int = setting(
        2, "live streams that are probed at the same time, each by its own process; 0: no probes", least=0, most=64
    )
    probe_interval_s: int = setting(30, "interval between two probes of a live stream", least=1)
    blocked_words: tuple[str, ...] = setting(
        (), "words and phrases that comments may not have, separated by commas, in any case"
    )
    evidence_days: int = setting(
        180,
        "days after the decision about a report in which it can be appealed; then what the report kept is deleted",
        least=1,
        most=3650,
    )
    inbox_days: int = setting(90, "days after which inbox entries are deleted", least=1)
    purchase_claim_days: int = setting(
        90, "days after which closed claims of purchases and notifications of stores are deleted", least=7
    )
    event_log_days: int = setting(
        30, "days after a stream's end until its events are deleted; 0: never", least=0, most=36500
    )
    access_log: bool = setting(False, "log every request")
    log_format: str = setting("text", "text or json")
    log_level: str = setting("info", "debug, info, warning or error")
    mediamtx_log_level: str = setting(
        "warn", "warn, error or info; info logs what clients sent, including stream keys: use it only to find a fault"
    )
    metrics_token: str = setting("", "bearer token for /metrics and readiness details from other machines", secret=True)
    min_age: int = setting(
        13, "age in years from which a person may register, where a date of birth is given; 0: any", least=0, most=99
    )
    live_age: int = setting(18, "age from which a user may go live; 0: any", least=0, most=99)
    gift_age: int = setting(18, "age from which a user may send gifts; 0: any", least=0, most=99)
    payout_age: int = setting(18, "age from which a user may be paid out; 0: any", least=0, most=99)
    age_required: bool = setting(
        False, "users without a date of birth cannot go live and send gifts; the apps ask for it at sign-up only"
    )
    cash_per_coin: str = setting(
        "0.005",
        "value of one coin on the cash-out screen, in whole currency units; keep it below the price of a coin in every "
        "package, or buying coins and cashing them out makes a profit",
    )
    gift_commission_bps: int = setting(
        0, "the installation's share of each gift, in hundredths of a percent, rounded down", least=0, most=10_000
    )
    checkin_coins: int = setting(
        0, "coins for a daily check-in; they pay for gifts and can never be withdrawn", least=0, most=1000
    )
    payout_min_coins: int = setting(100, "fewest coins of a payout", least=1, most=1_000_000_000)
    payout_hold_s: int = setting(
        0, "coins that were earned within this time cannot be withdrawn yet", least=0, most=90 * 86400
    )
    payout_change_hold_s: int = setting(
        72 * 3600, "no payout for this time after the payout address was changed", least=0, most=90 * 86400
    )
    payout_two_operators_coins: int = setting(
        0, "payouts from this number of coins need two operators: one approves, another pays; 0: none", least=0
    )

    # ── limits ──
    body_limit: int = setting(1 << 20, "largest JSON body, bytes", least=1024)
    upload_limit: int = setting(500 << 20, "largest uploaded file, bytes; pictures have lower limits", least=1 << 20)
    videos_per_day: int = setting(50, "videos that one user may upload per day (UTC)", least=1)
    video_bytes_per_day: int = setting(
        5 << 30, "bytes of the videos that one user may upload per day (UTC)", least=1 << 20
    )
    disk_reserve: int = setting(
        1 << 30, "free space on the disk of the data directory, bytes, that uploads leave to the database", least=0
    )
    open_uploads: int = setting(5, "uploads in parts that one user may have unfinished", least=1)
    upload_hours: int = setting(24, "an upload in parts that is not finished by then is deleted", least=1, most=24 * 30)
    address_rate: int = setting(600, "calls and pages per minute from one address", least=1)
    user_rate: int = setting(300, "calls and live socket gifts per minute by one user", least=1)
    purchase_rate: int = setting(120, "purchases per minute by one user, each of which asks a store", least=1)
    calls_per_address: int = setting(128, "concurrent calls and pages from one address", least=1)
    connections_per_address: int = setting(
        1024, "connections from one address, including live sockets; unlimited for trusted proxies", least=1
    )
    sockets_per_address: int = setting(200, "live sockets from one address", least=1)

    sms_per_day: int = setting(
        1000, "codes by text message per day (UTC) of the whole server, because they cost money; 0: any number", least=0
    )

    # ── the apps' API keys; empty: generated and kept with the secrets ──
    api_key_ios: str = setting("", "API key of the iOS app", secret=True)
    api_key_android: str = setting("", "API key of the Java Android app", secret=True)
    api_key_android_kt: str = setting("", "API key of the Kotlin Android app", secret=True)
    api_key_ios_upload: str = setting("", "API key of the iOS app's uploads, which send another one", secret=True)
    api_key_document: str = setting("", "API key of all other clients", secret=True)

    providers: Providers = table(Providers)
    push: PushSettings = table(PushSettings)
    stores: StoreSettings = table(StoreSettings)

    def __post_init__(self) -> None:
        if not _PRODUCT_NAME.fullmatch(self.product_name):
            raise InvalidSettings("LIVE_PRODUCT_NAME must have 1 to 40 printable characters, in one line.")
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
        if not _HEADER.fullmatch(self.country_header):
            raise InvalidSettings("LIVE_COUNTRY_HEADER must be the name of a header, such as CF-IPCountry, or empty.")
        for provider, urls in PROVIDER_URLS.items():
            for name in urls:
                self._check_url(f"providers.{provider}.{name}", getattr(getattr(self.providers, provider), name))
        for name in ("url", "token_url"):
            self._check_url(f"push.fcm.{name}", getattr(self.push.fcm, name))
        for store, urls in STORE_URLS.items():
            for name in urls:
                if url := getattr(getattr(self.stores, store), name):
                    self._check_url(f"stores.{store}.{name}", url)
        if self.stores.apple.environment not in {"production", "sandbox"}:
            raise InvalidSettings("LIVE_STORES_APPLE_ENVIRONMENT must be production or sandbox.")
        if self.bus_url:
            raise InvalidSettings("LIVE_BUS_URL: only the default, PostgreSQL, is supported.")
        for name in PUBLIC_URLS:
            if getattr(self, name) and not _PUBLIC_URL.fullmatch(getattr(self, name)):
                raise InvalidSettings(
                    f"{variable_of(name)} must be an address such as https://live.example.com, without a path."
                )
        if self.storage_public_url and not (self.storage_url and _STORAGE_URL.fullmatch(self.storage_public_url)):
            raise InvalidSettings(
                "LIVE_STORAGE_PUBLIC_URL must be an address such as https://cdn.example.com/files, and needs "
                "LIVE_STORAGE_URL."
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

    def _check_url(self, name: str, url: str) -> None:
        """Raises InvalidSettings."""
        try:
            parts = urlsplit(url)
            is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
            is_plain = parts.hostname and "@" not in parts.netloc and parts.port != 0
        except ValueError:
            is_safe = is_plain = False
        if not is_safe or not is_plain:
            raise InvalidSettings(
                f"{variable_of(name)} must be an https address without a password; http is possible on this machine "
                "alone."
            )

    def check_for_mediamtx_elsewhere(self) -> None:
        """A MediaMTX that we do not run is configured before our start, so its ports and the hooks URL must be fixed.

        Raises InvalidSettings.
        """
        for name in MEDIAMTX_PORTS:
            if getattr(self, name) == 0:
                raise InvalidSettings(
                    f"{variable_of(name)} is 0, a free port: a MediaMTX that Stagedoor does not run needs a fixed port."
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
                hosts[variable_of(name)] = url["host"].strip("[]")
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
    def uploads_dir(self) -> Path:
        return self.data_dir / UPLOADS

    @property
    def processing_dir(self) -> Path:
        """Where ffmpeg makes the files of videos."""
        return self.data_dir / "processing"

    @property
    def resumable_dir(self) -> Path:
        """Uploads in parts. They survive a restart."""
        return self.data_dir / "resumable"

    @property
    def secrets_path(self) -> Path:
        return Path(self.secrets_file) if self.secrets_file else self.data_dir / "secrets.json"
