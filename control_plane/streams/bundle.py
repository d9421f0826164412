"""The services of streams that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media.reconciler import Reconciler
from control_plane.streams.media.revocations import Revocations
from control_plane.streams.probing.prober import Prober
from control_plane.streams.running import RunningStreams


@dataclass(frozen=True, slots=True)
class Streams:
    keys: StreamKeys
    running: RunningStreams
    lifecycle: Lifecycle
    reconciler: Reconciler
    revocations: Revocations
    prober: Prober
