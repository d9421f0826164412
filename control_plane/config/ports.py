"""Chooses and reserves the ports of this run: those of the settings, and free ones for settings of 0."""

from __future__ import annotations

import dataclasses
import errno
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import NamedTuple

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.declare import PREFIX
from control_plane.config.settings import Settings

BACKLOG = 1024
"""Connections that the kernel queues until we accept them. Fewer: a burst of viewers is refused or delayed."""


class PortInUse(ControlPlaneError):
    """A port is in use by another program, or cannot be bound."""

    code = "port_in_use"
    kind = ErrorKind.STOPS


@dataclass(frozen=True, slots=True)
class Ports:
    http_port: int
    rtmp_port: int
    hls_port: int
    webrtc_port: int
    webrtc_udp_port: int
    srt_port: int
    mediamtx_api_port: int
    hooks_port: int

    @classmethod
    def of(cls, settings: Settings) -> Ports:
        """The ports as set; 0 stays 0."""
        return cls(*(getattr(settings, field.name) for field in dataclasses.fields(cls)))


OURS = frozenset({"http_port", "hooks_port"})
"""The ports of our own listeners. MediaMTX listens on the others."""
NAMES = tuple(field.name for field in dataclasses.fields(Ports))
_UDP = frozenset({"webrtc_udp_port", "srt_port"})
_BIND_OF = {"hooks_port": "hooks_bind", "mediamtx_api_port": "mediamtx_api_bind"}


class Listeners(NamedTuple):
    """Our bound, listening sockets. Clients that connect before we serve wait in the backlog instead of being
    refused."""

    http: socket.socket
    hooks: socket.socket


def reserve(settings: Settings, before: Mapping[str, int], *, media_server_runs: bool) -> tuple[Ports, Listeners]:
    """Choose every port and check that it is free, except the media server's if it runs already. Raises PortInUse.

    `before`: the ports of the previous start. A setting of 0 gets the same port again if it is still free.
    """
    ports: dict[str, int] = {}
    bound: dict[str, socket.socket] = {}
    refused: list[PortInUse] = []
    with ExitStack() as held:  # keep each bound until all are chosen: two settings of 0 must not get the same port
        for name in NAMES:
            if media_server_runs and name not in OURS:
                ports[name] = getattr(settings, name) or before[name]
                continue
            try:
                bound[name] = held.enter_context(_bind(settings, name, before.get(name, 0)))
            except PortInUse as error:
                refused.append(error)
                continue
            ports[name] = bound[name].getsockname()[1]
        if refused:  # report all of them: an operator who starts a second server would otherwise see one per attempt
            raise PortInUse("\n".join([*(str(error) for error in refused), *_all_at_once(settings, bound, ports)]))
        return Ports(**ports), Listeners(bound["http_port"].dup(), bound["hooks_port"].dup())


def taken(settings: Settings, *, media_server_runs: bool) -> list[str]:
    """An error text for each port that is set and not free, except the media server's if it runs already."""
    sentences = []
    for name in NAMES:
        if media_server_runs and name not in OURS:
            continue
        try:
            _bind(settings, name, 0).close()
        except PortInUse as error:
            sentences.append(str(error))
    return sentences


def choose_again(settings: Settings, ports: Ports, name: str) -> Ports:
    """Replace a port that another program bound after it was reserved. Raises PortInUse if the settings fix that
    port."""
    if getattr(settings, name):
        raise PortInUse(_sentence(settings, name, "another program has just bound it"))
    with _bind(settings, name, 0) as bound:
        return dataclasses.replace(ports, **{name: bound.getsockname()[1]})


def _bind(settings: Settings, name: str, before: int) -> socket.socket:
    wanted = getattr(settings, name)
    reason = ""
    for port in [wanted] if wanted else [before, 0]:
        try:
            return _listen(_host(settings, name), port, udp=name in _UDP)
        except OSError as error:
            reason = error.strerror or type(error).__name__
    raise PortInUse(_sentence(settings, name, reason))


def _all_at_once(settings: Settings, free: Mapping[str, socket.socket], given: Mapping[str, int]) -> list[str]:
    """One line of settings that frees all conflicting ports at once; none if there is only one."""
    taken_ = [name for name in NAMES if name not in free and name not in given]
    return [f"All at once: {' '.join(f'{PREFIX}{name.upper()}=0' for name in taken_)}"] if len(taken_) > 1 else []


def _host(settings: Settings, name: str) -> str:
    host: str = getattr(settings, _BIND_OF.get(name, "bind"))
    return host


def _sentence(settings: Settings, name: str, reason: str) -> str:
    in_use = reason == os.strerror(errno.EADDRINUSE)
    return (
        f"Port {getattr(settings, name)} on {_host(settings, name)} "
        f"{'is already in use' if in_use else f'cannot be bound ({reason})'}: stop what listens there, "
        f"or set {PREFIX}{name.upper()} to another port (0: a free one)."
    )


def _listen(host: str, port: int, *, udp: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
    try:
        if not udp:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        if not udp:
            listener.listen(BACKLOG)  # with SO_REUSEADDR, bind alone succeeds beside another listener
    except OSError:
        listener.close()
        raise
    return listener
