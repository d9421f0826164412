"""Puts all parts together, in the order in which they need each other, and takes them down in reverse."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from api.app import make_app
from api.contract.limits import RateLimit
from api.gauges import watch
from api.health import checks
from api.live_socket import LiveSocket
from api.page_session import page_token
from api.pages import Pages
from api.platform import Platform
from api.remote import client_address, is_limited, is_trusted_proxy, limit_key
from api.urls import Urls, urls_of
from control_plane import demo, installation
from control_plane.accounts.caller import Caller
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.data_directory import data_directory
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, open_pool
from control_plane.db.remembered import Remembered
from control_plane.events.bus import Bus, Topic
from control_plane.events.hub import Hub
from control_plane.events.log import EventLog
from control_plane.events.offers import Fanout
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.sending import Gifts
from control_plane.ids import GiftId, Seq, StreamId, UserId
from control_plane.lag import calm_garbage_collection, measure_lag
from control_plane.ledger.purchases import Purchases
from control_plane.ledger.store import packages
from control_plane.ledger.stores import SandboxStore
from control_plane.metrics import Metrics
from control_plane.run_file import Run
from control_plane.secrets import CLIENTS, Purpose, Secrets, check_against_database, load_or_create
from control_plane.server.alone import OnlyServer
from control_plane.server.listening import (
    Limits,
    hook_connections,
    listen,
    listen_to_media_server,
    public_connections,
    raise_open_files,
)
from control_plane.server.processes import Processes, Progress
from control_plane.settings import Settings
from control_plane.streams.keys import StreamKeys
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media_api import api_password
from control_plane.streams.probe_keys import ProbeKeys
from control_plane.streams.probing import Prober
from control_plane.streams.reconciler import Reconciler
from control_plane.streams.running import RunningStreams
from control_plane.streams.thumbnails import Thumbnails
from control_plane.workers import Workers
from ffmpeg_fixtures.clips import HEIGHT, WIDTH, Clip, generate
from hooks.listener import HooksListener
from hooks.until_loaded import UntilLoaded
from mediamtx.client import MediaMTXClient
from mediamtx.launch import media_host
from mediamtx.player_script import fetch_player_script
from mediamtx.probe.media_probe import MediaMTXProbe

log = logging.getLogger(__name__)

SAMPLES = "samples"
HTTP_SHUTDOWN_S = 3.0


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


class _Server:
    """One run. `stack` owns every part, in the order in which they were opened."""

    def __init__(self, settings: Settings, progress: Progress, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._progress = progress
        self._stack = stack
        self._workers = Workers()
        self._metrics = Metrics()

    async def serve(self, ready: Callable[[Started], object], stop: asyncio.Event) -> None:
        settings, stack = self._settings, self._stack
        open_files = raise_open_files()  # before there are children
        secrets = load_or_create(settings.secrets_path)
        api_keys = _api_keys(settings, secrets)
        signing = {purpose.value: secrets[purpose].signing.key_id for purpose in Purpose}
        run = Run(api_keys=api_keys, dev=settings.dev, signing=signing)
        processes = Processes(settings, run, stack, self._workers, self._progress)
        streams = UntilLoaded()
        hooks = HooksListener(secrets[Purpose.HOOK], streams.decide, streams.hint, self._metrics)
        hooks_runner = web.ServerRunner(web.Server(hooks.handle, access_log=None, tcp_keepalive=False))
        await self._set_up(hooks_runner)

        async def serve_hooks(listener: socket.socket) -> Callable[[], Awaitable[None]]:
            stop = await listen_to_media_server(hooks_runner, listener, hook_connections(open_files))
            stack.push_async_callback(stop)
            return stop

        ports, listeners = await processes.media_server(secrets[Purpose.HOOK], serve_hooks)
        dsn = await processes.postgresql()
        only = OnlyServer(dsn)
        stack.callback(only.close)
        await only.take()
        await self._keep("only-server", only.keep())
        await migrate(dsn, self._progress)
        database = await open_pool(dsn, settings.database_pool)
        stack.push_async_callback(database.close)
        await check_against_database(secrets, database)
        await installation.check_mode(database, dev=settings.dev)
        noted_in = installation.file_of(settings.secrets_path, settings.data_dir)
        await installation.recognise(database, noted_in)
        await self._keep("installation", installation.keep(database, noted_in))
        media_dir = settings.data_dir / "media"
        media_dir.mkdir(exist_ok=True)
        await demo.stock(database)
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
        password = api_password(secrets[Purpose.HOOK].signing.value.hex())
        media = await stack.enter_async_context(MediaMTXClient(processes.media_api_url, password))
        reconciler = Reconciler(
            media, running, lifecycle, database, never_published_s=settings.never_published_s, sockets=hub.sockets
        )
        streams.loaded(running.decide, reconciler.hint)
        await processes.keep_media_server()
        await self._keep("bus", bus.run())
        await self._keep("running-streams", running.run())
        await self._keep("hub", hub.run())
        await self._keep("reconciler", reconciler.run())
        await self._keep("lag", measure_lag(self._metrics))
        probe = _probe(settings, urls, media)
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
            user_limit=RateLimit(settings.user_rate),
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
            packages=Remembered(partial(packages, database)),
            purchases=Purchases(database, [sandbox] if sandbox else []),
            sandbox=sandbox,
        )
        live_socket = _live_socket(platform, hub)
        bus.subscribe(Topic.USER, lambda message: live_socket.session_changed(UserId(message.id)))
        bus.subscribe(Topic.STREAM, lambda message: live_socket.stream_changed(StreamId(message.id)))
        bus.on_resync(live_socket.anything_changed)
        await self._keep("live-socket", live_socket.run())
        watch(platform, hub, live_socket)
        player_script = partial(fetch_player_script, f"http://{media_host(settings)}:{urls.hls_port}")
        pages = Pages(platform, hub.viewers, player_script)
        app = make_app(platform, live_socket, pages, checks(database, bus, reconciler), media_dir)
        app.on_shutdown.append(lambda _: live_socket.close_all())
        await self._listen(
            web.AppRunner(app, access_log=None, shutdown_timeout=HTTP_SHUTDOWN_S),
            listeners.http,
            _limits(settings, open_files),
        )
        await processes.keep_run_file(self._metrics)
        calm_garbage_collection()
        ready(Started(settings, urls, api_keys))
        await self._workers.until(stop)
        self._progress("Stopping")

    async def _seed(self, database: Database, media_dir: Path) -> None:
        clips = await generate(media_dir / SAMPLES, self._progress)
        await demo.seed(database, [_sample(clip) for clip in clips])

    async def _keep(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        await self._workers.keep(self._stack, name, work)

    async def _listen(self, runner: web.BaseRunner, listener: socket.socket, limits: Limits) -> None:
        await self._set_up(runner)
        self._stack.push_async_callback(await listen(runner, listener, limits))

    async def _set_up(self, runner: web.BaseRunner) -> None:
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)


def _limits(settings: Settings, open_files: int) -> Limits:
    def key_of(peer: str) -> str | None:
        """Proxies bring many clients."""
        if is_trusted_proxy(peer, settings.trusted_proxies) or not is_limited(peer, settings):
            return None
        return limit_key(peer)

    most = public_connections(open_files, database_pool=settings.database_pool, probes=settings.probes)
    return Limits(most, settings.connections_per_address, key_of)


def _probe(settings: Settings, urls: Urls, media: MediaMTXClient) -> MediaMTXProbe:
    host = media_host(settings)
    return MediaMTXProbe(f"http://{host}:{urls.hls_port}", f"http://{host}:{urls.webrtc_port}", media)


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
        address_of=lambda request: limit_key(client_address(request, platform.settings.trusted_proxies)),
        is_limited=lambda address: is_limited(address, platform.settings),
        page_token=page_token,
        user_wait_s=platform.user_limit.wait_s,
    )


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
