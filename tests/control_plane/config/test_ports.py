"""The ports of a run, and the error if one is in use."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from control_plane.config.ports import NAMES, OURS, PortInUse, Ports, choose_again, reserve
from control_plane.config.settings import Settings
from tests.ports import free_port

UDP = {"webrtc_udp_port", "srt_port"}
NO_PORT: dict[str, Any] = dict.fromkeys(NAMES, 0)
ALL_FREE = Settings(**NO_PORT)

Reserve = Callable[..., Ports]


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def reserved(opened: ExitStack) -> Reserve:
    """`reserve`, whose listeners are closed with the test."""

    def call(settings: Settings, before: dict[str, int] | None = None, *, media_server_runs: bool = False) -> Ports:
        ports, listeners = reserve(settings, before or {}, media_server_runs=media_server_runs)
        for listener in listeners:
            opened.callback(listener.close)
        return ports

    return call


def occupy(opened: ExitStack, name: str, port: int = 0) -> int:
    """Bind a port as another program would, on the port's transport."""
    other = opened.enter_context(
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM if name in UDP else socket.SOCK_STREAM)
    )
    other.bind(("127.0.0.1", port))
    if name not in UDP:
        other.listen()
    taken: int = other.getsockname()[1]
    return taken


def once_free() -> Ports:
    """Ports that an earlier start reserved and released."""
    return Ports(**{name: free_port() for name in NAMES})


def with_port(name: str, port: int) -> Settings:
    changes: dict[str, Any] = {name: port}
    return dataclasses.replace(ALL_FREE, **changes)


@pytest.mark.parametrize("name", NAMES)
def test_a_taken_port_is_refused_by_the_name_of_its_setting(opened: ExitStack, reserved: Reserve, name: str) -> None:
    taken = occupy(opened, name)
    with pytest.raises(PortInUse) as refused:
        reserved(with_port(name, taken))
    assert str(refused.value) == (
        f"Port {taken} on 127.0.0.1 is already in use: stop what listens there, "
        f"or set LIVE_{name.upper()} to another port (0: a free one)."
    )


def test_all_that_are_taken_are_told_at_once(opened: ExitStack, reserved: Reserve) -> None:
    http, srt = occupy(opened, "http_port"), occupy(opened, "srt_port")
    with pytest.raises(PortInUse) as refused:
        reserved(dataclasses.replace(ALL_FREE, http_port=http, srt_port=srt))
    first, second, both = str(refused.value).splitlines()
    assert both == "All at once: LIVE_HTTP_PORT=0 LIVE_SRT_PORT=0"
    assert (f"Port {http} " in first, f"Port {srt} " in second) == (True, True)


def test_an_address_that_is_not_ours_is_told_as_such(reserved: Reserve) -> None:
    with pytest.raises(PortInUse, match=r"on 203\.0\.113\.7 cannot be bound \(Cannot assign requested address\)"):
        reserved(dataclasses.replace(ALL_FREE, bind="203.0.113.7"))


def test_a_host_that_is_none_is_told_as_such(reserved: Reserve) -> None:
    with pytest.raises(PortInUse) as refused:
        reserved(dataclasses.replace(ALL_FREE, hooks_bind="no such host"))
    assert "on no such host cannot be bound" in str(refused.value)
    assert "Unknown error" not in str(refused.value)


def test_two_settings_with_the_same_port_are_refused(reserved: Reserve) -> None:
    port = free_port()
    with pytest.raises(PortInUse, match=f"Port {port} .* set LIVE_HLS_PORT"):
        reserved(dataclasses.replace(ALL_FREE, rtmp_port=port, hls_port=port))


def test_tcp_and_udp_may_have_the_same_number(reserved: Reserve) -> None:
    port = free_port()
    ports = reserved(dataclasses.replace(ALL_FREE, rtmp_port=port, srt_port=port))
    assert (ports.rtmp_port, ports.srt_port) == (port, port)


def test_zeros_are_free_ports_that_differ(reserved: Reserve) -> None:
    ports = dataclasses.asdict(reserved(ALL_FREE))
    assert list(ports) == list(NAMES)
    for transport in (UDP, set(NAMES) - UDP):
        chosen = [ports[name] for name in transport]
        assert len(set(chosen)) == len(chosen)
        assert min(chosen) > 1024


@pytest.mark.parametrize("name", NAMES)
def test_a_port_of_the_settings_is_taken_as_it_is(reserved: Reserve, name: str) -> None:
    port = getattr(once_free(), name)
    assert getattr(reserved(with_port(name, port), {name: port + 1}), name) == port


def test_the_ports_of_an_earlier_start_are_taken_again(reserved: Reserve) -> None:
    before = once_free()
    assert reserved(ALL_FREE, dataclasses.asdict(before)) == before


@pytest.mark.parametrize("name", NAMES)
def test_an_earlier_port_that_was_taken_meanwhile_is_replaced(opened: ExitStack, reserved: Reserve, name: str) -> None:
    taken = occupy(opened, name)
    port = getattr(reserved(ALL_FREE, {name: taken}), name)
    assert port not in (0, taken)


def test_ours_are_listened_to_from_the_start(opened: ExitStack) -> None:
    ports, listeners = reserve(ALL_FREE, {}, media_server_runs=False)
    for port, listener in zip((ports.http_port, ports.hooks_port), listeners, strict=True):
        opened.callback(listener.close)
        opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=1))


def test_the_media_servers_are_free_for_it_to_take(opened: ExitStack, reserved: Reserve) -> None:
    ports = dataclasses.asdict(once_free())
    reserved(dataclasses.replace(ALL_FREE, **ports))
    for name in set(NAMES) - OURS:
        assert occupy(opened, name, ports[name]) == ports[name]


def test_the_ports_of_a_media_server_that_runs_are_not_tried(opened: ExitStack, reserved: Reserve) -> None:
    before = {name: occupy(opened, name) for name in NAMES if name not in OURS}
    set_by_name = occupy(opened, "rtmp_port")
    ports = dataclasses.asdict(reserved(with_port("rtmp_port", set_by_name), before, media_server_runs=True))
    assert {name: ports[name] for name in before} == {**before, "rtmp_port": set_by_name}


def test_nothing_stays_open_after_a_refusal(opened: ExitStack, reserved: Reserve) -> None:
    http_port = once_free().http_port
    taken = occupy(opened, "hooks_port")
    with pytest.raises(PortInUse):
        reserved(dataclasses.replace(ALL_FREE, http_port=http_port, hooks_port=taken))
    assert occupy(opened, "http_port", http_port) == http_port


@pytest.mark.parametrize("name", sorted(set(NAMES) - OURS))
def test_another_free_port_is_chosen_for_one_that_was_taken_meanwhile(opened: ExitStack, name: str) -> None:
    ports = once_free()
    occupy(opened, name, getattr(ports, name))
    again = choose_again(ALL_FREE, ports, name)
    assert getattr(again, name) not in (0, getattr(ports, name))
    assert dataclasses.replace(again, **{name: getattr(ports, name)}) == ports


def test_a_port_that_the_settings_insist_on_is_not_chosen_again(reserved: Reserve) -> None:
    settings = with_port("rtmp_port", free_port())
    with pytest.raises(PortInUse, match=r"\(another program has just bound it\).* set LIVE_RTMP_PORT"):
        choose_again(settings, reserved(settings), "rtmp_port")
