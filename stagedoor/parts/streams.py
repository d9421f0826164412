"""Opens streams: the table of running streams, the reconciler with the media server, and the prober."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from api.http.urls import Urls
from control_plane.base.workers import Workers
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics
from control_plane.streams.bundle import Streams
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media.model import MediaServer
from control_plane.streams.media.reconciler import Reconciler
from control_plane.streams.media.revocations import Revocations
from control_plane.streams.metrics import watch_streams
from control_plane.streams.probing.keys import ProbeKeys
from control_plane.streams.probing.metrics import ProbeMetrics
from control_plane.streams.probing.prober import Prober
from control_plane.streams.probing.thumbnails import Thumbnails
from control_plane.streams.running import RunningStreams
from mediamtx.node.launch import media_host
from mediamtx.probe.media_probe import MediaMTXProbe
from stagedoor.parts.live import Live


@asynccontextmanager
async def streams(
    settings: Settings,
    secrets: Secrets,
    database: Database,
    live: Live,
    media: MediaServer,
    urls: Urls,
    metrics: Metrics,
) -> AsyncIterator[Streams]:
    """Load the streams, so that the auth hook can decide. `running` starts the tasks."""
    keys = StreamKeys(secrets[Purpose.PUBLISH])
    probe_keys = ProbeKeys(secrets[Purpose.PLAYBACK])
    running = RunningStreams(database, live.bus, keys, settings.database_away_s, probe_keys=probe_keys)
    running.follow()
    await running.load()
    revocations = Revocations(media)
    running.on_revoke(revocations.add)
    lifecycle = Lifecycle(database, live.event_log, running, live.hub.peak)
    reconciler = Reconciler(
        media, running, lifecycle, database, never_published_s=settings.never_published_s, sockets=live.hub.sockets
    )
    host = media_host(settings)
    async with AsyncExitStack() as stack:
        probe = MediaMTXProbe(f"http://{host}:{urls.hls_port}", f"http://{host}:{urls.webrtc_port}", media)
        if settings.probes:
            await stack.enter_async_context(probe)
        prober = Prober(
            probe,
            running,
            probe_keys,
            Thumbnails(media_directory(settings), database),
            database,
            ProbeMetrics(metrics),
            limit=settings.probes,
            interval_s=settings.probe_interval_s,
        )
        opened = Streams(keys, running, lifecycle, reconciler, revocations, prober)
        watch_streams(metrics, opened)
        yield opened


@asynccontextmanager
async def running(opened: Streams, settings: Settings, workers: Workers) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        await workers.keep(stack, "running-streams", opened.running.run())
        await workers.keep(stack, "revocations", opened.revocations.run())
        await workers.keep(stack, "reconciler", opened.reconciler.run())
        if settings.probes:
            opened.prober.follow()
            await workers.keep(stack, "prober", opened.prober.run())
        yield


def media_directory(settings: Settings) -> Path:
    return settings.data_dir / "media"
