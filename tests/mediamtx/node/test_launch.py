"""From settings to MediaMTX's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.base.signing import Keyring, Secret
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from mediamtx.node.config import MediaMTXConfig, render
from mediamtx.node.launch import configuration, media_host

HOOKS = Keyring((Secret("b", b"the newest of the hook secrets!!"), Secret("a", b"an older one that is still known")))
PORTS = Ports(8080, 1935, 8888, 8889, 8189, 8890, 9997, 9080)
COMMAND = ("/usr/bin/python3", "/opt/send_event.py", "/etc/hook")


def configured(command: tuple[str, ...] = COMMAND, **settings: Any) -> MediaMTXConfig:
    return configuration(Settings(**settings), PORTS, HOOKS, command)


def test_it_calls_the_hooks_listener_with_the_newest_secret() -> None:
    config = configured()
    assert config.hooks_url == "http://127.0.0.1:9080/hooks"
    assert config.hook_secret == HOOKS.signing.value.hex()


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"hooks_bind": "::1"}, "http://[::1]:9080/hooks"),
        ({"hooks_bind": "0.0.0.0"}, "http://127.0.0.1:9080/hooks"),
        ({"hooks_bind": "10.0.0.5"}, "http://10.0.0.5:9080/hooks"),
        ({"hooks_bind": "0.0.0.0", "hooks_url": "http://control:9080/hooks/"}, "http://control:9080/hooks"),
    ],
)
def test_how_it_reaches_the_hooks_listener(settings: dict[str, Any], url: str) -> None:
    assert configured(**settings).hooks_url == url


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "127.0.0.1"),
        ({"bind": "0.0.0.0"}, "127.0.0.1"),
        ({"bind": "::"}, "[::1]"),
        ({"bind": "10.0.0.5", "public_host": "live.example.com"}, "10.0.0.5"),
        ({"mediamtx_api_url": "http://mediamtx:9997", "public_host": "live.example.com"}, "mediamtx"),
        ({"mediamtx_api_url": "http://user:word@[2001:db8::7]:9997"}, "[2001:db8::7]"),
    ],
)
def test_its_listeners_are_where_its_control_api_is(settings: dict[str, Any], host: str) -> None:
    assert media_host(Settings(**settings)) == host


def test_its_log_quotes_clients_only_when_asked_to() -> None:
    assert configured().log_level == "warn"
    assert configured(mediamtx_log_level="info").log_level == "info"


def test_on_the_lan_webrtc_viewers_are_offered_the_private_address_and_the_rest_stays_private() -> None:
    config = configured(dev=True, lan=True, bind="0.0.0.0", public_host="192.168.1.20")
    assert config.webrtc_hosts == ("192.168.1.20",)
    assert (config.bind, config.api_bind) == ("0.0.0.0", "127.0.0.1")
    assert config.hooks_url.startswith("http://127.0.0.1:")


def test_without_a_hook_command_it_runs_none() -> None:
    assert "runOn" in render(configured())
    assert "runOn" not in render(configured(()))


@pytest.mark.parametrize(("bind", "host"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1")])
def test_on_the_loopback_webrtc_is_offered_in_the_family_in_which_we_listen(bind: str, host: str) -> None:
    assert configured(bind=bind).webrtc_hosts == (host,)
