from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from mediamtx.errors import MediaMTXNotStarted
from mediamtx.node.config import MediaMTXConfig, render
from mediamtx.node.hook_command import command_line, hook_command, write_hook_file

CONFIG = MediaMTXConfig(
    hooks_url="http://127.0.0.1:9080/hooks/",
    hook_secret="p@ss/word",
    hook_command=("/usr/bin/python3", "-I", "/opt/my stage/send_event.py"),
)


def lines(config: MediaMTXConfig) -> list[str]:
    return [line.strip() for line in render(config).splitlines()]


def test_the_secret_is_the_password_of_the_callback_address() -> None:
    assert 'authHTTPAddress: "http://mediamtx:p%40ss%2Fword@127.0.0.1:9080/hooks/auth"' in lines(CONFIG)


def test_the_secret_does_not_show_in_repr() -> None:
    assert "p@ss" not in repr(CONFIG)


def test_who_uses_the_control_api_is_asked_for_as_well() -> None:
    assert 'authHTTPExclude: [{"action": "metrics"}, {"action": "pprof"}]' in lines(CONFIG)


@pytest.mark.parametrize("server", ["rtsp", "moq", "metrics", "playback", "pprof"])
def test_servers_that_are_not_used_are_off(server: str) -> None:
    assert f"{server}: false" in lines(CONFIG)


def test_every_other_path_is_asked_for_and_has_no_hooks() -> None:
    rendered = render(CONFIG)
    others = rendered[rendered.index('  "all_others":') :].splitlines()[1:]
    assert [line.strip() for line in others] == ['source: "publisher"', "record: false"]


def test_what_clients_sent_is_not_written_into_the_log() -> None:
    assert 'logLevel: "warn"' in lines(CONFIG)


def test_the_control_api_stays_private_when_the_rest_is_public() -> None:
    rendered = lines(replace(CONFIG, bind="0.0.0.0"))
    assert 'apiAddress: "127.0.0.1:9997"' in rendered
    assert 'rtmpAddress: "0.0.0.0:1935"' in rendered


@pytest.mark.parametrize(("bind", "from_interfaces"), [("127.0.0.1", "false"), ("::1", "false"), ("0.0.0.0", "true")])
def test_on_the_loopback_only_the_named_hosts_are_offered_to_webrtc_clients(bind: str, from_interfaces: str) -> None:
    rendered = lines(replace(CONFIG, bind=bind, webrtc_hosts=("live.example",)))
    assert f"webrtcIPsFromInterfaces: {from_interfaces}" in rendered
    assert 'webrtcAdditionalHosts: ["live.example"]' in rendered


def test_ipv6_addresses_are_bracketed() -> None:
    config = replace(CONFIG, bind="::", api_bind="::")
    assert 'hlsAddress: "[::]:8888"' in lines(config)
    assert config.api_url == "http://[::1]:9997"


def test_a_lost_publisher_is_noticed_within_ten_seconds() -> None:
    assert CONFIG.read_timeout_s < 10
    assert f'readTimeout: "{CONFIG.read_timeout_s}s"' in lines(CONFIG)


def test_equal_configurations_render_to_equal_bytes() -> None:
    assert render(CONFIG) == render(replace(CONFIG))
    assert render(CONFIG) != render(replace(CONFIG, rtmp_port=1936))


@pytest.mark.parametrize("argument", ["a b", "it's", 'say "x"', "back\\slash", "a;b|c>d&e", "*?[]~#", "", "ü"])
def test_hook_arguments_survive_splitting(argument: str) -> None:
    assert shlex.split(command_line(["/bin/hook", argument, "online"])) == ["/bin/hook", argument, "online"]


@pytest.mark.parametrize("argument", ["$HOME", "a${MTX_QUERY}", "two\nlines", "nul\0"])
def test_hook_arguments_that_mediamtx_would_change_are_refused(argument: str) -> None:
    with pytest.raises(MediaMTXNotStarted, match=r"dollar sign|no command line"):
        command_line(["/bin/hook", argument])


def test_neither_the_hook_command_nor_the_path_settings_hold_the_secret(tmp_path: Path) -> None:
    hook_file = tmp_path / "hook"
    write_hook_file(hook_file, CONFIG.hooks_url, CONFIG.hook_secret)
    assert hook_file.read_text() == "http://127.0.0.1:9080/hooks/event\np@ss/word\n"
    assert CONFIG.hook_secret not in " ".join(hook_command(tmp_path / "send_event.py", hook_file))
