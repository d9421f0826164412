"""Puts all parts together, in the order in which they need each other, and takes them down in reverse."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from api.app import make_app
from api.health import Check
from api.live_socket import LiveSocket
from api.page_session import page_token
from api.pages import Pages, thumbnails
from api.platform import Platform
from api.remote import client_address, is_limited
from api.urls import Urls, urls_of
from control_plane import demo
from control_plane.accounts.caller import Caller
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.db.embedded import EmbeddedPostgres
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, DatabaseUnavailable, open_pool
from control_plane.errors import ControlPlaneError
from control_plane.events.bus import Bus
from control_plane.events.hub import Hub
from control_plane.events.log import EventLog
from control_plane.events.offers import Fanout
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.sending import Gifts
from control_plane.ids import GiftId, Seq, StreamId
from control_plane.lag import calm_garbage_collection, measure_lag
from control_plane.ledger.purchases import Purchases
from control_plane.ledger.stores import SandboxStore
from control_plane.metrics import Metrics
from control_plane.ports import BACKLOG, Listeners, PortInUse, Ports, choose_again, reserve
from control_plane.run_file import Run, RunFile
from control_plane.secrets import CLIENTS, Keyring, Purpose, Secrets, check_against_database, load_or_create
from control_plane.settings import Settings
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.probe_keys import ProbeKeys
from control_plane.streams.probing import Prober
from control_plane.streams.reconciler import Reconciler
from control_plane.streams.running import RunningStreams
from control_plane.streams.thumbnails import Thumbnails
from control_plane.workers import Workers
from ffmpeg_fixtures.clips import HEIGHT, WIDTH, Clip, generate
from hooks import SEND_EVENT
from hooks.listener import HooksListener
from mediamtx.binary import obtain
from mediamtx.client import MediaMTXClient
from mediamtx.errors import PortTaken
from mediamtx.hook_command import hook_command
from mediamtx.launch import SETTING_OF, configuration, hook_file, media_host, supervised
from mediamtx.player_script import fetch_player_script
from mediamtx.probe.media_probe import MediaMTXProbe
from mediamtx.process import MediaMTXProcess

log = logging.getLogger(__name__)

Progress = Callable[[str], None]
SAMPLES = "samples"
PORT_ATTEMPTS = 3
HTTP_SHUTDOWN_S = 3.0
PIDS_S = 0.5


class DataDirectoryInUse(ControlPlaneError):
    """Another control plane works in it."""

    code = "data_directory_in_use"


class NoDataDirectory(ControlPlaneError):
    """It cannot be made or written to."""

    code = "no_data_directory"


@dataclass(frozen=True, slots=True)
class Started:
    """What the start-up message tells."""

    settings: Settings
    urls: Urls
    api_keys: Mapping[str, str]


async def serve(
    settings: Settings, progress: Progress, ready: Callable[[Started], object], stop: asyncio.Event
) -> None:
    """Run until `stop` is set. Raises a ControlPlaneError of one sentence when a part cannot start or cannot go on; what was started by
    then is stopped."""
    async with AsyncExitStack() as stack:
        stack.enter_context(data_directory(settings.data_dir))
        await _Server(settings, progress, stack).serve(ready, stop)


@contextmanager
def data_directory(path: Path) -> Iterator[None]:
    """Ours alone, and nobody else's while we work in it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise NoDataDirectory(f"The data directory {path} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DataDirectoryInUse(
            f"Another server runs in {path}: stop it, or set LIVE_DATA_DIR to another directory."
        ) from None
    try:
        yield
    finally:
        os.close(lock)


class _Server:
    """One run. `stack` owns every part, in the order in which they were opened."""

    def __init__(self, settings: Settings, progress: Progress, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._progress = progress
        self._stack = stack
        self._workers = Workers()
        self._metrics = Metrics()
        self._run_file = RunFile(settings.data_dir)
        self._postgres: EmbeddedPostgres | None = None
        self._mediamtx: MediaMTXProcess | None = None
        self._media_api_url = settings.mediamtx_api_url
        self._run = Run()

    async def serve(self, ready: Callable[[Started], object], stop: asyncio.Event) -> None:
        settings, stack = self._settings, self._stack
        secrets = load_or_create(settings.secrets_path)
        api_keys = _api_keys(settings, secrets)
        self._run = Run(api_keys=api_keys)
        ports, listeners = await self._media_server(secrets[Purpose.HOOK])
        dsn = await self._postgresql()
        await migrate(dsn, self._progress)
        database = await open_pool(dsn, settings.database_pool)
        stack.push_async_callback(database.close)
        await check_against_database(secrets, database)
        media_dir = settings.data_dir / "media"
        media_dir.mkdir(exist_ok=True)
        if settings.dev:
            await self._seed(database, media_dir)

        urls = urls_of(settings, ports)
        bus, hub = Bus(dsn), Hub(database)
        bus.on_resync(hub.check)
        event_log = EventLog(database, Fanout(hub, bus))
        stack.push_async_callback(event_log.close)
        keys = StreamKeys(secrets[Purpose.PUBLISH])
        probe_keys = ProbeKeys(secrets[Purpose.PLAYBACK])
        running = RunningStreams(database, bus, keys, settings.database_away_s, probe_keys=probe_keys)
        await running.load()
        lifecycle = Lifecycle(database, event_log, running, hub.peak)
        media = await stack.enter_async_context(MediaMTXClient(self._media_api_url))
        reconciler = Reconciler(
            media, running, lifecycle, database, never_published_s=settings.never_published_s, sockets=hub.sockets
        )
        hooks = HooksListener(secrets[Purpose.HOOK], running.decide, reconciler.hint, self._metrics)
        await self._listen(web.ServerRunner(web.Server(hooks.handle)), listeners.hooks)
        if self._mediamtx is not None:
            stack.push_async_callback(self._mediamtx.stop)  # before the listener, which its last hooks call
            await self._keep("mediamtx", self._mediamtx.supervise())
        await self._keep("bus", bus.run())
        await self._keep("running-streams", running.run())
        await self._keep("hub", hub.run())
        await self._keep("reconciler", reconciler.run())
        await self._keep("lag", measure_lag(self._metrics))
        probe = _probe(settings, urls)
        prober = Prober(
            probe,
            running,
            probe_keys,
            Thumbnails(media_dir),
            database,
            self._metrics,
            limit=settings.probes,
            interval_s=settings.probe_interval_s,
        )
        if settings.probes:
            await stack.enter_async_context(probe)
            await self._keep("prober", prober.run())

        sessions = Sessions(secrets[Purpose.SESSION], database, bus, settings.session_ttl_s)
        assortment = Assortment(database)
        sandbox = SandboxStore(secrets[Purpose.SANDBOX]) if settings.dev else None
        platform = Platform(
            settings=settings,
            urls=urls,
            api_keys=api_keys,
            metrics=self._metrics,
            database=database,
            sessions=sessions,
            sign_in=SignIn(
                database, sessions, [UnprovenClaims()] if settings.dev else [], believes_claims=settings.dev
            ),
            keys=keys,
            running=running,
            lifecycle=lifecycle,
            reconciler=reconciler,
            prober=prober,
            assortment=assortment,
            gifts=Gifts(database, event_log, assortment, urls.gift_picture),
            purchases=Purchases(database, [sandbox] if sandbox else []),
            sandbox=sandbox,
        )
        live_socket = _live_socket(platform, hub)
        self._watch(platform, hub, live_socket)
        player_script = partial(fetch_player_script, f"http://{media_host(settings)}:{urls.hls_port}")
        pages = Pages(platform, hub.viewers, thumbnails(media_dir), player_script)
        app = make_app(platform, live_socket, pages, _checks(database, bus, reconciler), media_dir)
        app.on_shutdown.append(lambda _: live_socket.close_all())
        await self._listen(web.AppRunner(app, access_log=None, shutdown_timeout=HTTP_SHUTDOWN_S), listeners.http)
        self._stack.callback(self._run_file.remove)
        await self._keep("run-file", self._keep_run_file())
        calm_garbage_collection()
        ready(Started(settings, urls, api_keys))
        await self._workers.until(stop)
        self._progress("Stopping")

    async def _media_server(self, hooks: Keyring) -> tuple[Ports, Listeners]:
        """Ports, and a MediaMTX that runs on them: one that an earlier start left behind, else a new one."""
        settings = self._settings
        if settings.mediamtx_api_url:
            ports, listeners = self._own(reserve(settings, {}, media_server_runs=True))
            self._run = dataclasses.replace(self._run, ports=ports)
            return ports, listeners
        given = Path(settings.mediamtx_bin) if settings.mediamtx_bin else None
        binary = await asyncio.to_thread(obtain, explicit=given, progress=self._progress)
        before, leftover_pid = self._run_file.left_behind()
        if leftover_pid is not None:
            with suppress(PortInUse):  # told below, where it is no longer about adopting
                ports, listeners = reserve(settings, before, media_server_runs=True)
                if await self._prepare(ports, hooks, binary).adopt(leftover_pid):
                    self._progress("Going on with the MediaMTX that is running")
                    return self._own((ports, listeners))
                for listener in listeners:
                    listener.close()
        ports, listeners = self._own(reserve(settings, before, media_server_runs=False))
        for attempt in range(1, PORT_ATTEMPTS + 1):
            process = self._prepare(ports, hooks, binary)
            self._stack.push_async_callback(process.stop)
            self._progress("Starting MediaMTX")
            try:
                await process.start()
                break
            except PortTaken as taken:
                if attempt == PORT_ATTEMPTS:
                    raise
                ports = choose_again(settings, ports, SETTING_OF.get(taken.port_name, taken.port_name))
        return ports, listeners

    def _prepare(self, ports: Ports, hooks: Keyring, binary: Path) -> MediaMTXProcess:
        config = configuration(self._settings, ports, hooks, hook_command(SEND_EVENT, hook_file(self._settings)))
        self._run = dataclasses.replace(self._run, ports=ports)
        self._media_api_url = config.api_url
        self._mediamtx = supervised(self._settings, config, binary, self._spawned)
        return self._mediamtx

    def _own(self, reserved: tuple[Ports, Listeners]) -> tuple[Ports, Listeners]:
        for listener in reserved[1]:
            self._stack.callback(listener.close)
        return reserved

    async def _postgresql(self) -> str:
        """The data source name, of our own server where no other is set."""
        if self._settings.database_url:
            return self._settings.database_url
        self._postgres = EmbeddedPostgres(self._settings.data_dir)
        self._stack.push_async_callback(self._postgres.stop)
        dsn = await self._postgres.start(self._progress)
        await self._keep("postgresql", self._postgres.supervise())
        return dsn

    async def _seed(self, database: Database, media_dir: Path) -> None:
        clips = await generate(media_dir / SAMPLES, self._progress)
        await demo.seed(database, [_sample(clip) for clip in clips])

    async def _keep(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        await self._stack.enter_async_context(self._workers.running(name, work))

    async def _listen(self, runner: web.BaseRunner, listener: socket.socket) -> None:
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.SockSite(runner, listener, backlog=BACKLOG).start()

    def _spawned(self, pid: int) -> None:
        """Noted at once: if we are killed in the next moment, the next start finds MediaMTX by it."""
        self._run = dataclasses.replace(self._run, pids={**self._run.pids, "mediamtx": pid})
        self._run_file.write(self._run)

    async def _keep_run_file(self) -> None:
        """Write it, and again whenever a process was restarted."""
        while True:
            pids = {
                "control_plane": os.getpid(),
                "mediamtx": self._mediamtx.pid if self._mediamtx else None,
                "postgres": self._postgres.pid if self._postgres else None,
            }
            if pids != self._run.pids:
                for part, pid in self._run.pids.items():
                    if pid is not None and pids[part] != pid:
                        self._metrics.part_restarts.labels(part).inc()
                self._run = dataclasses.replace(self._run, pids=pids)
                self._run_file.write(self._run)
            await asyncio.sleep(PIDS_S)

    def _watch(self, platform: Platform, hub: Hub, live_socket: LiveSocket) -> None:
        metrics, database = self._metrics, platform.database
        metrics.watch(
            "stagedoor_streams",
            "Streams that have not ended, by state",
            lambda: Counter(stream.status.value for stream in platform.running.all()),
            label="status",
        )
        metrics.watch(
            "stagedoor_streams_playing", "Streams that a probe has seen playing", platform.prober.streams_playing
        )
        metrics.watch("stagedoor_sockets", "Live sockets of this process", hub.sockets)
        metrics.watch_total(
            "stagedoor_sockets_closed",
            "Live sockets that we closed, by code",
            lambda: {str(code.value): number for code, number in live_socket.closed.items()},
            label="code",
        )
        metrics.watch_total("stagedoor_events_delivered", "Events × sockets", lambda: hub.counts.delivered)
        metrics.watch_total("stagedoor_events_found", "Events that only the log told of", lambda: hub.counts.found)
        metrics.watch_total("stagedoor_sockets_cut", "Sockets that were too slow", lambda: hub.counts.cut)
        metrics.watch("stagedoor_database_connections", "Connections open", lambda: database.usage()[0])
        metrics.watch("stagedoor_database_connections_in_use", "Connections in use", lambda: database.usage()[1])


def _probe(settings: Settings, urls: Urls) -> MediaMTXProbe:
    host = media_host(settings)
    return MediaMTXProbe(f"http://{host}:{urls.hls_port}", f"http://{host}:{urls.webrtc_port}")


def _live_socket(platform: Platform, hub: Hub) -> LiveSocket:
    async def send_gift(caller: Caller, stream_id: StreamId, key: str, gift_id: GiftId, count: int) -> Seq:
        outcome = await platform.gifts.send_to_stream(caller.user_id, stream_id, gift_id, count, key)
        assert outcome.sent.seq is not None, "a gift to a stream has an event there"
        platform.metrics.gift_sent(outcome.sent.coins, replayed=outcome.replayed)
        return outcome.sent.seq

    return LiveSocket(
        hub,
        platform.database,
        platform.sessions.identify,
        send_gift,
        platform.urls.playback,
        sockets_per_address=platform.settings.sockets_per_address,
        address_of=lambda request: client_address(request, platform.settings.trusted_proxies),
        is_limited=lambda address: is_limited(address, platform.settings),
        page_token=page_token,
    )


def _checks(database: Database, bus: Bus, reconciler: Reconciler) -> dict[str, Check]:
    async def database_answers() -> str:
        try:
            await database.fetchval("select 1")
        except DatabaseUnavailable:
            return "no answer"
        return "ok"

    async def media_server_answers() -> str:
        return "ok" if reconciler.media_reachable else "no answer"

    async def bus_is_connected() -> str:
        return "ok" if bus.connected.is_set() else "not connected"

    return {"database": database_answers, "media_server": media_server_answers, "bus": bus_is_connected}


def _api_keys(settings: Settings, secrets: Secrets) -> dict[str, str]:
    return {client: getattr(settings, f"api_key_{client}") or secrets.api_keys[client] for client in CLIENTS}


def _sample(clip: Clip) -> demo.SampleVideo:
    return demo.SampleVideo(
        title=clip.title,
        description=clip.description,
        media=f"{SAMPLES}/{clip.media}",
        thumbnail=f"{SAMPLES}/{clip.thumbnail}",
        preview=f"{SAMPLES}/{clip.preview}",
        duration_ms=clip.duration_ms,
        width=WIDTH,
        height=HEIGHT,
    )
