"""A server process with personal sockets, and clients for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import web
from websockets.asyncio.client import connect

from api.http.cookies import page_token
from api.personal_socket.route import PersonalSocket
from api.sockets.connection import Timing
from api.sockets.door import Clients
from control_plane.accounts.sessions import Sessions
from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.postgres import PostgresBus
from control_plane.inbox.announcements import Announcements
from control_plane.inbox.bundle import Inbox
from control_plane.inbox.news import InboxReader
from control_plane.messages.bundle import DirectMessages
from control_plane.messages.changing import Changing
from control_plane.messages.model import Content
from control_plane.messages.news import MessagesReader, MessageView, MessageViews
from control_plane.messages.sending import Sending
from control_plane.personal.hub import SWEEP_S, PersonalHub
from control_plane.pictures.pictures import Pictures
from control_plane.storage.addresses import Addresses
from control_plane.storage.files import Files
from control_plane.storage.places import Folder
from control_plane.videos.news import VideosReader
from tests.api.live_socket.live import Client
from tests.control_plane.operations.test_development import KEYRING
from tests.control_plane.watched_database import WatchedDatabase, watched_database
from tests.waiting import in_background


class Process:
    def __init__(
        self,
        dsn: str,
        database: WatchedDatabase,
        folder: Path,
        *,
        sweep_s: float,
        timing: Timing | None,
        per_address: int,
    ) -> None:
        self.database = database
        self.bus = PostgresBus(dsn)
        self.sessions = Sessions(KEYRING, database, ttl_s=1000)
        self.sessions.follow(self.bus)
        self.hub = PersonalHub(database, sweep_s=sweep_s)
        self.hub.register(InboxReader(lambda name: f"https://cdn/{name}"))
        views = MessageViews(Addresses(KEYRING), "https://files")
        self.hub.register(MessagesReader(views.view))
        self.hub.register(VideosReader())
        self.hub.follow(self.bus)
        files = Files(Folder(folder), database)
        self.messages = DirectMessages(database, Sending(database, files, Pictures()), Changing(database, files), views)

        async def send_message(sender: UserId, receiver: UserId, content: Content, key: str) -> MessageView:
            return views.view(await self.messages.sending.send(sender, receiver, content, key))

        self.sockets = PersonalSocket(
            self.hub,
            self.sessions.identify,
            send_message,
            Clients(
                sockets_per_address=per_address,
                address_of=lambda request: request.remote or "",
                is_limited=lambda address: True,
                page_token=page_token,
                user_wait_s=lambda user_id: self.wait_s,
            ),
            timing=timing,
        )
        self.inbox = Inbox(database, Announcements(database), self.hub)
        self.base = ""
        self.wait_s = 0.0

    async def token(self, user_id: UserId) -> str:
        return await self.sessions.issue(user_id)

    @asynccontextmanager
    async def connected(self, headers: Mapping[str, str] | None = None, origin: Any = None) -> AsyncIterator[Client]:
        url = f"ws://{self.base}/ws/me"
        async with connect(url, additional_headers=headers or {}, origin=origin, proxy=None) as client:
            yield Client(client)

    @asynccontextmanager
    async def of(self, user_id: UserId, language: str = "en") -> AsyncIterator[Client]:
        """A socket of this user, after its first frame."""
        headers = {"Authorization": f"Bearer {await self.token(user_id)}", "Accept-Language": language}
        async with self.connected(headers) as client:
            await client.hello()
            yield client


@asynccontextmanager
async def process(
    dsn: str, *, sweep_s: float = SWEEP_S, timing: Timing | None = None, per_address: int = 1000
) -> AsyncIterator[Process]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(watched_database(dsn))
        folder = Path(stack.enter_context(TemporaryDirectory()))
        made = Process(dsn, database, folder, sweep_s=sweep_s, timing=timing, per_address=per_address)
        await stack.enter_async_context(following(made))
        app = web.Application()
        app.router.add_get("/ws/me", made.sockets.handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=False)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(made.sockets.close_all, 1.0)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.base = f"127.0.0.1:{runner.addresses[0][1]}"
        yield made


@asynccontextmanager
async def following(made: Process) -> AsyncIterator[None]:
    made.bus.subscribe(Topic.USER, lambda message: made.sockets.session_changed(UserId(message.id)))
    made.bus.on_resync(made.sockets.anything_changed)
    async with in_background(made.bus.run()), in_background(made.hub.run()), in_background(made.sockets.run()):
        await made.bus.connected.wait()
        yield
