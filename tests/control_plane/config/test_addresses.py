"""Settings of the addresses by which clients, phones in the same network, and a MediaMTX on another machine reach
us."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.config.declare import InvalidSettings
from control_plane.config.loading import load, on_the_lan
from control_plane.config.settings import MEDIAMTX_PORTS

LAN = {"LIVE_DEV": "1", "LIVE_LAN": "1"}
AT_HOME = ["192.168.1.20", "172.17.0.1", "fe80::1"]
ELSEWHERE = {"LIVE_MEDIAMTX_API_URL": "http://10.0.0.7:9997"}


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(InvalidSettings) as refused:
        load(environ)
    return str(refused.value)


def test_on_the_lan_every_address_is_listened_to_and_the_private_one_told() -> None:
    assert on_the_lan({}, AT_HOME) == {"bind": "0.0.0.0", "public_host": "192.168.1.20"}


@pytest.mark.parametrize("given", [{"bind": "192.168.1.20"}, {"public_host": "laptop.local"}, {"bind": "127.0.0.1"}])
def test_what_is_set_stands_above_what_lan_chooses(given: dict[str, Any]) -> None:
    assert on_the_lan(given, AT_HOME) == {"bind": "0.0.0.0", "public_host": "192.168.1.20", **given}


def test_without_a_private_address_lan_asks_for_a_host() -> None:
    with pytest.raises(InvalidSettings, match=r"no private network address found\. Set LIVE_PUBLIC_HOST"):
        on_the_lan({}, ["203.0.113.7"])


def test_development_mode_does_not_listen_on_a_public_address_by_way_of_lan() -> None:
    with pytest.raises(InvalidSettings, match=r"has the public address 8\.8\.8\.8: set LIVE_BIND"):
        on_the_lan({}, ["192.168.1.20", "8.8.8.8"])
    assert on_the_lan({"bind": "192.168.1.20"}, ["192.168.1.20", "8.8.8.8"])["bind"] == "192.168.1.20"


def test_lan_keeps_what_only_mediamtx_may_reach_on_the_loopback() -> None:
    settings = load({**LAN, "LIVE_BIND": "127.0.0.1", "LIVE_PUBLIC_HOST": "10.0.0.3"})
    assert (settings.hooks_bind, settings.mediamtx_api_bind) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize("host", ["10.0.0.3", "192.168.1.20", "172.20.0.1", "169.254.3.4", "laptop.local", "localhost"])
def test_on_the_lan_private_hosts_count_as_local(host: str) -> None:
    assert load({**LAN, "LIVE_BIND": "127.0.0.1", "LIVE_PUBLIC_HOST": host}).public_host == host


@pytest.mark.parametrize("host", ["203.0.113.7", "live.example.com", "10.0.0.1.example.com", "192.0.2.2"])
@pytest.mark.parametrize("variable", ["LIVE_BIND", "LIVE_PUBLIC_HOST"])
def test_on_the_lan_public_hosts_are_refused(variable: str, host: str) -> None:
    environ = {**LAN, "LIVE_BIND": "127.0.0.1", "LIVE_PUBLIC_HOST": "10.0.0.3", variable: host}
    sentence = refusal(environ)
    assert f"{variable} is {host!r}" in sentence
    assert "an address of a private network" in sentence


def test_lan_is_development_modes() -> None:
    assert refusal({"LIVE_LAN": "1"}).startswith("LIVE_LAN works only in development mode")


@pytest.mark.parametrize("name", ["LIVE_PUBLIC_URL", "LIVE_PUBLIC_HLS_URL", "LIVE_PUBLIC_WEBRTC_URL"])
class TestPublicUrls:
    @pytest.mark.parametrize("url", ["https://live.example.com", "http://10.0.0.5:8080/", "https://[2001:db8::1]:8443"])
    def test_scheme_host_and_port_are_taken(self, name: str, url: str) -> None:
        assert getattr(load({name: url}), name.removeprefix("LIVE_").lower()) == url

    @pytest.mark.parametrize(
        "url",
        [
            *("live.example.com", "ftp://live.example.com", "https://", "https://live.example.com/below"),
            *(
                "https://user:secret@live.example.com",
                "https://a b",
                "https://x?y",
                "https://x:0",
                "https://x\nhttps://y",
            ),
        ],
    )
    def test_anything_else_is_refused(self, name: str, url: str) -> None:
        assert refusal({name: url}) == f"{name} must be an address such as https://live.example.com, without a path."

    def test_a_public_one_is_refused_in_development_mode(self, name: str) -> None:
        assert f"{name} is 'live.example.com'" in refusal({"LIVE_DEV": "1", name: "https://live.example.com"})
        load({"LIVE_DEV": "1", name: "http://localhost:8443"})


@pytest.mark.parametrize("name", MEDIAMTX_PORTS)
def test_a_mediamtx_elsewhere_has_ports_that_are_known(name: str) -> None:
    variable = f"LIVE_{name.upper()}"
    assert refusal({**ELSEWHERE, variable: "0"}).startswith(f"{variable} is 0, a free port: ")
    assert load({variable: "0"})


def test_our_own_port_may_be_a_free_one_all_the_same() -> None:
    assert load({**ELSEWHERE, "LIVE_HTTP_PORT": "0"}).http_port == 0


@pytest.mark.parametrize("bind", ["0.0.0.0", "::"])
def test_a_mediamtx_elsewhere_is_told_how_it_reaches_us(bind: str) -> None:
    assert refusal({**ELSEWHERE, "LIVE_HOOKS_BIND": bind}).startswith("LIVE_HOOKS_URL must be the address at which")
    load({**ELSEWHERE, "LIVE_HOOKS_BIND": bind, "LIVE_HOOKS_URL": "http://control:9080/hooks"})
    load({**ELSEWHERE, "LIVE_HOOKS_BIND": "10.0.0.5"})


@pytest.mark.parametrize(
    "url",
    [
        *("10.0.0.5:9080", "https://10.0.0.5:9080/hooks", "http://10.0.0.5/hooks", "http://10.0.0.5:0/hooks"),
        *("http://user:word@10.0.0.5:9080/hooks", "http://10.0.0.5:9080/hooks?x=1"),
    ],
)
def test_a_hooks_url_that_the_hook_script_could_not_call_is_refused(url: str) -> None:
    assert refusal({"LIVE_HOOKS_URL": url}).startswith("LIVE_HOOKS_URL must be an address such as")
