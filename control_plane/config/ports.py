"""The ports of this run: those of the settings, and free ones where the settings say 0."""

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
from control_plane.config.settings import PREFIX, Settings

BACKLOG = 1024


class PortInUse(ControlPlaneError):
    """Another program listens there."""

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
        """As they are set."""
        return cls(*(getattr(settings, field.name) for field in dataclasses.fields(cls)))


OURS = frozenset({"http_port", "hooks_port"})
"""We listen there ourselves; on the others MediaMTX does."""
NAMES = tuple(field.name for field in dataclasses.fields(Ports))
_UDP = frozenset({"webrtc_udp_port", "srt_port"})
_BIND_OF = {"hooks_port": "hooks_bind", "mediamtx_api_port": "mediamtx_api_bind"}


class Listeners(NamedTuple):
    """Ours; they listen already: who connects before we serve waits a moment instead of being refused."""

    http: socket.socket
    hooks: socket.socket


def reserve(settings: Settings, before: Mapping[str, int], *, media_server_runs: bool) -> tuple[Ports, Listeners]:
    """Every port checked to be free, but for the media server's when that runs. Raises PortInUse.

    `before`: the ports of an earlier start, taken again where the settings say 0 and they are still free."""
    ports: dict[str, int] = {}
    bound: dict[str, socket.socket] = {}
    refused: list[PortInUse] = []
    with ExitStack() as held:  # hold each until all are chosen, or two settings of 0 could get the same one
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
        if refused:  # all at once: whoever starts a second server would otherwise hear of them one by one
            raise PortInUse("\n".join([*(str(error) for error in refused), *_all_at_once(settings, bound, ports)]))
        return Ports(**ports), Listeners(bound["http_port"].dup(), bound["hooks_port"].dup())


def taken(settings: Settings, *, media_server_runs: bool) -> list[str]:
    """A sentence for each port that the settings insist on and that are not free now, but for the media server's when that runs."""
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
    """Another free port in the place of one that was taken meanwhile. Raises PortInUse where the settings insist on it."""
    if getattr(settings, name):
        raise PortInUse(_sentence(settings, name, "it was taken meanwhile"))
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
    """One line that moves every port that is taken, where there are several."""
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
            listener.listen(BACKLOG)  # with SO_REUSEADDR, bind alone would pass beside another listener's
    except OSError:
        listener.close()
        raise
    return listener
