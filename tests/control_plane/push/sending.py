"""Users with phones and browsers, and the sender with the push services of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from control_plane.accounts import devices, session_store
from control_plane.accounts.caller import SessionKey, Use
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.config.secrets import _new_web_push_key
from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics
from control_plane.push import store
from control_plane.push.fcm.account import fcm_account
from control_plane.push.fcm.client import Fcm
from control_plane.push.http import new_session
from control_plane.push.metrics import PushMetrics
from control_plane.push.model import Push, Text
from control_plane.push.queue import enqueue
from control_plane.push.sender import Rules, Sender
from control_plane.push.web.client import WebPush
from control_plane.push.web.subscriptions import Subscriptions
from control_plane.push.web.vapid import Vapid
from control_plane.videos.pushes_store import outdated
from tests.control_plane.people import new_user
from tests.local_push import LocalPush, credentials, local_push

FOLLOW = Push("follow", {"sender_id": 7, "user_id": 7, "video_id": 0, "name": "Ann"}, "new_followers")
KEEP_S = 3600


class Words:
    """A renderer whose texts show what it was given."""

    def render(self, kind: str, params: Mapping[str, str | int], language: str) -> Text:
        if kind == "broken":
            raise KeyError(kind)
        text = str(params.get("text", f"{params.get('name')} ({language or 'default'})"))
        return Text(kind, text, str(params.get("picture", "")), "/inbox")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sending:
    database: Database
    service: LocalPush
    sender: Sender
    subscriptions: Subscriptions
    metrics: Metrics
    clock: Clock = field(default_factory=Clock)

    async def push(self, *user_ids: UserId, push: Push = FOLLOW) -> None:
        async with self.database.transaction() as connection:
            await enqueue(connection, push, user_ids)

    async def phone(self, token: str, language: str = "", key: str = "") -> UserId:
        """A new user with a phone."""
        user_id = await new_user(self.database)
        await devices.claim(self.database, user_id, token, "ios", "1", language)
        if key:
            await self.database.execute("update device set key = $2 where token = $1", token, key)
        return user_id

    async def browser(self, name: str, user_id: UserId | None = None) -> SessionKey:
        """The session of a user, new unless given, in a browser that shows push messages."""
        user_id = user_id or await new_user(self.database)
        session = await new_session_of(self.database, user_id, f"s-{name}")
        made = self.service.browser(name)
        await self.subscriptions.add(session, made.endpoint, made.public_key, made.auth, "")
        return session

    async def waiting(self) -> int:
        number: int = await self.database.fetchval("select count(*) from push_outbox")
        return number

    async def due_now(self) -> None:
        """What waits for another attempt is due, and no service is paused."""
        await self.database.execute("update push_outbox set due_at = now()")
        self.clock.now += 100_000

    async def due_in_s(self) -> float:
        value: float = await self.database.fetchval(
            "select extract(epoch from min(due_at) - now())::float8 from push_outbox"
        )
        return value

    async def tokens(self) -> list[str]:
        return [row["token"] for row in await self.database.fetch("select token from device where token is not null")]


async def new_session_of(database: Database, user_id: UserId, session_id: str, device_token: str = "") -> SessionKey:
    key, now = SessionKey(user_id, session_id), utc_now()
    use = Use(address="", country="", app="", device="")
    await session_store.open_session(database, key, now, now + timedelta(days=365), use, device_token)
    return key


@asynccontextmanager
async def sending(database: Database, **rules: Any) -> AsyncIterator[Sending]:
    clock, metrics = Clock(), Metrics()
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(local_push())
        account = fcm_account(credentials(), f"{service.url}/token", clock=clock)
        vapid = Vapid(_new_web_push_key(), "mailto:ops@example.com")
        fcm = Fcm(account, service.url, await stack.enter_async_context(new_session()))
        web = WebPush(vapid, await stack.enter_async_context(new_session()))
        await store.set_services(database, [fcm.name, web.name])
        chosen = Rules(**{"per_second": 5000, "keep_s": KEEP_S, "keep_kinds_s": {}, **rules})
        sender = Sender(database, [fcm, web], Words(), chosen, PushMetrics(metrics), outdated, clock=clock)
        subscriptions = Subscriptions(database, vapid.public_key, ["127.0.0.1"])
        yield Sending(database, service, sender, subscriptions, metrics, clock)
