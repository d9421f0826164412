"""Opens the public listener: API, sockets, pages and health."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import web

from api.app import make_app
from api.contract.platform import Platform
from api.health.checks import checks
from api.http.address import client_address, is_limited, is_trusted_proxy, limit_key
from api.http.cookies import page_token
from api.live_socket.metrics import watch_closed
from api.live_socket.route import LiveSocket
from api.pages import Pages
from api.personal_socket.metrics import watch_personal
from api.personal_socket.route import PersonalSocket
from control_plane.accounts.caller import Caller
from control_plane.base.errors import present
from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.base.workers import Workers
from control_plane.bus.model import Topic
from control_plane.config.settings import Settings
from control_plane.messages.model import Content
from control_plane.messages.news import MessageView
from mediamtx.node.launch import media_host
from mediamtx.node.player_script import fetch_player_script
from stagedoor.listening import listen
from stagedoor.listening.door import Limits
from stagedoor.listening.open_files import public_connections
from stagedoor.parts.live import Live
from stagedoor.parts.streams import media_directory

SHUTDOWN_S = 3.0
"""Time for requests in progress when the server stops. Shorter cuts off slow calls; longer delays every restart."""


@asynccontextmanager
async def live_socket(platform: Platform, live: Live, workers: Workers) -> AsyncIterator[LiveSocket]:
    opened = _live_socket(platform, live)
    watch_closed(platform.metrics, opened)
    live.bus.subscribe(Topic.USER, lambda message: opened.session_changed(UserId(message.id)))
    live.bus.subscribe(Topic.STREAM, lambda message: opened.stream_changed(StreamId(message.id)))
    live.bus.subscribe(Topic.BLOCK, lambda message: opened.blocks_changed(UserId(message.id)))
    live.bus.on_resync(opened.anything_changed)
    async with workers.running("live-socket", opened.run()):
        yield opened


@asynccontextmanager
async def personal_socket(platform: Platform, live: Live, workers: Workers) -> AsyncIterator[PersonalSocket]:
    settings, hub = platform.settings, platform.inbox.hub

    async def send_message(sender_id: UserId, receiver_id: UserId, content: Content, key: str) -> MessageView:
        messages = platform.messages
        return messages.views.view(await messages.sending.send(sender_id, receiver_id, content, key))

    opened = PersonalSocket(
        hub,
        platform.accounts.sessions.identify,
        send_message,
        sockets_per_address=settings.sockets_per_address,
        address_of=lambda request: limit_key(client_address(request, settings.trusted_proxies)),
        is_limited=lambda address: is_limited(address, settings),
        page_token=page_token,
        user_wait_s=platform.user_limit.wait_s,
    )
    watch_personal(platform.metrics, hub, opened)
    live.bus.subscribe(Topic.USER, lambda message: opened.session_changed(UserId(message.id)))
    live.bus.on_resync(opened.anything_changed)
    async with workers.running("personal-hub", hub.run()), workers.running("personal-socket", opened.run()):
        yield opened


@asynccontextmanager
async def http(
    platform: Platform,
    live: Live,
    live_sockets: LiveSocket,
    personal_sockets: PersonalSocket,
    listener: socket.socket,
    open_files: int,
) -> AsyncIterator[None]:
    settings = platform.settings
    player_script = partial(fetch_player_script, f"http://{media_host(settings)}:{platform.urls.hls_port}")
    pages = Pages(platform, live.hub.viewers, player_script)
    ready = checks(platform.database, live.bus, platform.streams.reconciler)
    app = make_app(platform, live_sockets, personal_sockets, pages, ready, media_directory(settings))
    app.on_shutdown.append(lambda _: live_sockets.close_all())
    app.on_shutdown.append(lambda _: personal_sockets.close_all())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(await listen(runner, listener, _limits(settings, open_files)))
        yield


def _limits(settings: Settings, open_files: int) -> Limits:
    def key_of(peer: str) -> str | None:
        """None: no limit per address, because a trusted proxy carries many clients."""
        if is_trusted_proxy(peer, settings.trusted_proxies) or not is_limited(peer, settings):
            return None
        return limit_key(peer)

    most = public_connections(open_files, database_pool=settings.database_pool, probes=settings.probes)
    return Limits(most, settings.connections_per_address, key_of)


def _live_socket(platform: Platform, live: Live) -> LiveSocket:
    async def send_gift(caller: Caller, stream_id: StreamId, key: str, gift_id: GiftId, count: int) -> Seq:
        outcome = await platform.giving.gifts.send_to_stream(caller.user_id, stream_id, gift_id, count, key)
        return present(outcome.sent.seq, "a gift to a stream has an event there")

    settings = platform.settings
    return LiveSocket(
        live.hub,
        platform.database,
        platform.accounts.sessions.identify,
        send_gift,
        platform.urls.playback,
        sockets_per_address=settings.sockets_per_address,
        address_of=lambda request: limit_key(client_address(request, settings.trusted_proxies)),
        is_limited=lambda address: is_limited(address, settings),
        page_token=page_token,
        user_wait_s=platform.user_limit.wait_s,
    )
