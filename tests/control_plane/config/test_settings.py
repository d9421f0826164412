"""Settings of an operator, and the errors for invalid ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from control_plane.config.declare import InvalidSettings
from control_plane.config.loading import describe, load
from control_plane.config.providers import Apple, Google, Providers
from control_plane.config.settings import Settings

SECRET = "only-the-operator-knows"
SECRET_NAMES = {
    "database_url",
    "database_owner_url",
    "mediamtx_api_url",
    "bus_url",
    "storage_url",
    "mail_url",
    "sms_url",
    "metrics_token",
    "api_key_ios",
    "api_key_ios_upload",
    "api_key_android",
    "api_key_android_kt",
    "api_key_document",
    "providers.google.client_secret",
    "push.fcm.credentials",
    "push.web.private_key",
    "stores.google.credentials",
    "stores.stripe.secret_key",
    "stores.stripe.webhook_secrets",
}


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(InvalidSettings) as refused:
        load(environ)
    assert refused.value.__cause__ is None, "the value of a secret one could stand there"
    return str(refused.value)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "stagedoor.toml"


def in_file(config: Path, content: str, **environ: str) -> dict[str, str]:
    config.write_text(content)
    return {"LIVE_CONFIG": str(config), **environ}


def test_nothing_set_is_the_defaults() -> None:
    assert load({}) == Settings()


def test_what_is_not_ours_is_not_looked_at() -> None:
    assert load({"PATH": "/bin", "ALIVE_DEV": "1", "live_dev": "1"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("LIVE_HTTP_PORT", "8081", "http_port", 8081),
        ("LIVE_HTTP_PORT", " 0 ", "http_port", 0),
        ("LIVE_HTTP_PORT", "65535", "http_port", 65535),
        ("LIVE_GRACE_S", "1800", "grace_s", 1800),
        ("LIVE_BIND", " 0.0.0.0\n", "bind", "0.0.0.0"),
        ("LIVE_DATA_DIR", "/var/lib/live", "data_dir", Path("/var/lib/live")),
        ("LIVE_DATA_DIR", "~/live", "data_dir", Path.home() / "live"),
        ("LIVE_TRUSTED_PROXIES", "10.0.0.0/8, ::1,", "trusted_proxies", ("10.0.0.0/8", "::1")),
        ("LIVE_TRUSTED_PROXIES", "", "trusted_proxies", ()),
        *[("LIVE_DEV", text, "dev", True) for text in ("1", "true", "YES", "on")],
        *[("LIVE_DEV", text, "dev", False) for text in ("0", "False", "no", "off")],
        ("LIVE_BODY_IDENTITY", "1", "body_identity", True),
        ("LIVE_BODY_IDENTITY", "0", "body_identity", False),
        ("LIVE_BODY_IDENTITY", "", "body_identity", None),
        ("LIVE_LOG_FORMAT", "json", "log_format", "json"),
    ],
)
def test_a_setting_is_read_from_the_environment(variable: str, text: str, name: str, value: Any) -> None:
    assert load({variable: text}) == dataclasses.replace(Settings(), **{name: value})


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"LIVE_HTTP_PROT": "1"}, "There is no setting LIVE_HTTP_PROT. Did you mean LIVE_HTTP_PORT?"),
        ({"LIVE_DATABSE_URL": SECRET}, "There is no setting LIVE_DATABSE_URL. Did you mean LIVE_DATABASE_URL?"),
        ({"LIVE_ZZZ": SECRET}, "There is no setting LIVE_ZZZ. `stagedoor settings` lists them."),
        ({"LIVE_HTTP_PORT": "eighty"}, "LIVE_HTTP_PORT must be a whole number."),
        ({"LIVE_HTTP_PORT": ""}, "LIVE_HTTP_PORT must be a whole number."),
        ({"LIVE_HTTP_PORT": "80.5"}, "LIVE_HTTP_PORT must be a whole number."),
        ({"LIVE_HTTP_PORT": "9" * 5000}, "LIVE_HTTP_PORT must be a whole number."),
        ({"LIVE_HTTP_PORT": "-1"}, "LIVE_HTTP_PORT must be between 0 and 65535."),
        ({"LIVE_HTTP_PORT": "65536"}, "LIVE_HTTP_PORT must be between 0 and 65535."),
        ({"LIVE_GRACE_S": "1801"}, "LIVE_GRACE_S must be between 0 and 1800."),
        ({"LIVE_SESSION_TTL_S": "59"}, "LIVE_SESSION_TTL_S must be at least 60."),
        ({"LIVE_DEV": "perhaps"}, "LIVE_DEV must be 1 or 0."),
        ({"LIVE_DEV": ""}, "LIVE_DEV must be 1 or 0."),
        ({"LIVE_BODY_IDENTITY": "maybe"}, "LIVE_BODY_IDENTITY must be 1 or 0."),
        (
            {"LIVE_COUNTRY_HEADER": "X Country:"},
            "LIVE_COUNTRY_HEADER must be the name of a header, such as CF-IPCountry, or empty.",
        ),
        ({"LIVE_LOG_FORMAT": "xml"}, "LIVE_LOG_FORMAT must be text or json."),
        ({"LIVE_MEDIAMTX_LOG_LEVEL": "debug"}, "LIVE_MEDIAMTX_LOG_LEVEL must be warn, error or info."),
        ({"LIVE_LOG_LEVEL": "loud"}, "LIVE_LOG_LEVEL must be debug, info, warning or error."),
        *[
            ({"LIVE_CASH_PER_COIN": text}, "LIVE_CASH_PER_COIN must be an amount such as 0.005.")
            for text in ("", "half", "nan", "-1", "1e3", "0,5", "٣")
        ],
        (
            {"LIVE_TRUSTED_PROXIES": "10.0.0.0/8,proxy"},
            "LIVE_TRUSTED_PROXIES: 'proxy' is not a network such as 10.0.0.0/8.",
        ),
        (
            {"LIVE_BUS_URL": f"redis://:{SECRET}@host"},
            "LIVE_BUS_URL: only the default, PostgreSQL, is supported.",
        ),
    ],
)
def test_a_mistake_is_told_in_one_sentence(environ: dict[str, str], sentence: str) -> None:
    assert refusal(environ) == sentence


def test_a_file_is_read_and_the_environment_stands_above_it(config: Path) -> None:
    content = """
        http_port = 9000
        rtmp_port = 1936
        access_log = true
        log_level = "debug"
        trusted_proxies = ["10.0.0.0/8", "192.168.0.0/16"]
        cash_per_coin = 0.01
    """
    assert load(in_file(config, content, LIVE_HTTP_PORT="9001", LIVE_LOG_LEVEL="error")) == Settings(
        http_port=9001,
        rtmp_port=1936,
        access_log=True,
        log_level="error",
        trusted_proxies=("10.0.0.0/8", "192.168.0.0/16"),
        cash_per_coin="0.01",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("htp_port = 1", "There is no setting LIVE_HTP_PORT. Did you mean LIVE_HTTP_PORT?"),
        ("[server]\nhttp_port = 1", "There is no setting LIVE_SERVER. `stagedoor settings` lists them."),
        ("http_port = true", "LIVE_HTTP_PORT must be a whole number."),
        ("http_port = 80.0", "LIVE_HTTP_PORT must be a whole number."),
        ('dev = "perhaps"', "LIVE_DEV must be 1 or 0."),
        ('bind = ["127.0.0.1"]', "LIVE_BIND must be one value."),
        ("[data_dir]\nx = 1", "LIVE_DATA_DIR must be one value."),
        ("config = 1", "There is no setting LIVE_CONFIG. `stagedoor settings` lists them."),
    ],
)
def test_a_mistake_in_the_file_is_told_like_one_in_the_environment(config: Path, content: str, sentence: str) -> None:
    assert refusal(in_file(config, content)) == sentence


@pytest.mark.parametrize(
    "content",
    [
        f'database_url = "{SECRET}',
        f'metrics_token = "{SECRET}"x',
        f'metrics_token = "{SECRET}"\nmetrics_token = 1',
        SECRET,
    ],
)
def test_a_file_that_is_not_toml_is_refused_without_a_word_of_it(config: Path, content: str) -> None:
    sentence = refusal(in_file(config, content))
    assert sentence.startswith(f"LIVE_CONFIG: {config} is not valid TOML: ")
    assert SECRET not in sentence


def test_a_file_that_cannot_be_read_is_named(config: Path) -> None:
    assert refusal({"LIVE_CONFIG": str(config)}) == f"LIVE_CONFIG: {config} cannot be read: No such file or directory."


def test_a_file_that_is_not_utf8_is_refused(config: Path) -> None:
    config.write_bytes(b'bind = "\xff"')
    assert refusal({"LIVE_CONFIG": str(config)}).startswith(f"LIVE_CONFIG: {config} is not valid TOML: ")


def test_secrets_are_not_in_the_repr() -> None:
    top_level = {name for name in SECRET_NAMES - {"bus_url"} if "." not in name}
    secret: dict[str, Any] = dict.fromkeys(top_level, SECRET)
    settings = Settings(**secret, providers=Providers(google=Google(client_secret=SECRET)))
    assert SECRET not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "203.0.113.7", "live.example.com", "localhost.example.com", ""]
)
@pytest.mark.parametrize("variable", ["LIVE_BIND", "LIVE_PUBLIC_HOST"])
def test_development_mode_refuses_to_be_reached_from_elsewhere(variable: str, host: str) -> None:
    load({variable: host})
    sentence = refusal({variable: host, "LIVE_DEV": "1"})
    assert sentence.startswith("Development mode signs users in without proof and refuses to run on a public address: ")
    assert f"{variable} is {host!r}" in sentence


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "127.8.8.8", "::1"])
@pytest.mark.parametrize("variable", ["LIVE_BIND", "LIVE_PUBLIC_HOST"])
def test_development_mode_runs_on_this_machine(variable: str, host: str) -> None:
    assert load({variable: host, "LIVE_DEV": "1"}).dev


@pytest.mark.parametrize(
    ("dev", "body_identity", "believed"),
    [("0", "", False), ("1", "", True), ("0", "1", True), ("1", "0", False)],
)
def test_the_identity_in_a_body_is_believed_as_set_else_in_development(
    dev: str, body_identity: str, believed: bool
) -> None:
    assert load({"LIVE_DEV": dev, "LIVE_BODY_IDENTITY": body_identity}).identity_from_body is believed


def test_the_secrets_are_in_the_data_directory_unless_set() -> None:
    assert load({"LIVE_DATA_DIR": "/d"}).secrets_path == Path("/d/secrets.json")
    assert load({"LIVE_DATA_DIR": "/d", "LIVE_SECRETS_FILE": "/s/mine"}).secrets_path == Path("/s/mine")


def test_every_setting_is_described() -> None:
    described = {info.name: info for info in describe()}
    tables = {field.name for field in dataclasses.fields(Settings) if field.default is dataclasses.MISSING}
    top_level = [name for name in described if "." not in name]
    assert top_level == [field.name for field in dataclasses.fields(Settings) if field.name not in tables]
    assert {name.partition(".")[0] for name in described if "." in name} == tables
    assert {name for name, info in described.items() if info.secret} == SECRET_NAMES
    for name, info in described.items():
        assert info.variable == f"LIVE_{name.upper().replace('.', '_')}"
        assert info.doc
        assert info.default == info.value_in(Settings())


def test_no_two_settings_share_a_variable() -> None:
    variables = [info.variable for info in describe()]
    assert len(variables) == len(set(variables))


def test_a_table_is_read_from_the_file_and_the_environment(config: Path) -> None:
    content = """
        [providers.google]
        client_ids = ["one", "two"]
        issuer = "https://google.example.com"
        [providers.apple]
        client_ids = "com.example.app"
    """
    loaded = load(in_file(config, content, LIVE_PROVIDERS_GOOGLE_ISSUER="https://other.example.com"))
    assert loaded.providers.google == Google(client_ids=("one", "two"), issuer="https://other.example.com")
    assert loaded.providers.apple == Apple(client_ids=("com.example.app",))
    assert loaded == dataclasses.replace(Settings(), providers=loaded.providers)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "[providers.google]\nclient_id = 1",
            "There is no setting LIVE_PROVIDERS_GOOGLE_CLIENT_ID. Did you mean LIVE_PROVIDERS_GOOGLE_CLIENT_IDS?",
        ),
        ("[shops.google]\nkeys = 1", "There is no setting LIVE_SHOPS. `stagedoor settings` lists them."),
        ("providers = 1", "providers must be a table: [providers]."),
        ("[providers.google.issuer]\nx = 1", "LIVE_PROVIDERS_GOOGLE_ISSUER must be one value."),
    ],
)
def test_a_mistake_in_a_table_is_named(config: Path, content: str, sentence: str) -> None:
    assert refusal(in_file(config, content)) == sentence


@pytest.mark.parametrize(
    "url",
    [
        *("", "http://example.com/keys", "http://localhost.example.com", "ftp://example.com", "https://", "https://["),
        *("keys", "https://user:hidden@example.com/keys", "https://example.com:99999/keys"),
    ],
)
def test_a_provider_is_reached_safely_and_its_address_holds_no_password(url: str) -> None:
    said = refusal({"LIVE_PROVIDERS_GOOGLE_JWKS_URL": url})
    assert said.startswith("LIVE_PROVIDERS_GOOGLE_JWKS_URL must be an https address")
    assert "hidden" not in said


@pytest.mark.parametrize("info", list(describe()), ids=lambda info: info.name)
def test_a_described_default_can_be_set(info: Any) -> None:
    text = "" if info.default in (None, ()) else str(info.default)
    assert load({info.variable: text}) == Settings()
