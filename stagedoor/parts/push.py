"""Opens push messages: the services that are set up, and the sender."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from api.http.urls import Urls
from control_plane.config.secrets import Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.inbox.texts import PushTexts
from control_plane.observe.metrics import Metrics
from control_plane.push import store
from control_plane.push.bundle import Pushing
from control_plane.push.logged import LoggedPushes, PushLog
from control_plane.push.metrics import PushMetrics
from control_plane.push.model import Service, ServiceName
from control_plane.push.sender import Rules, Sender
from control_plane.push.web.subscriptions import Subscriptions
from control_plane.videos.pushes_store import outdated


@asynccontextmanager
async def pushing(
    settings: Settings, secrets: Secrets, database: Database, urls: Urls, metrics: Metrics
) -> AsyncIterator[Pushing]:
    """Development mode logs the messages of a service that is not set up. Raises UnusableAccount and InvalidSettings."""
    options, pushes = settings.push, PushLog()
    services: list[Service] = []
    public_key = ""
    async with AsyncExitStack() as stack:
        # The modules of a service are slow to import, and not needed without it.
        if options.fcm.credentials:
            from control_plane.push.fcm.account import fcm_account
            from control_plane.push.fcm.client import Fcm
            from control_plane.push.http import new_session

            account = fcm_account(options.fcm.credentials, options.fcm.token_url)
            services.append(Fcm(account, options.fcm.url, await stack.enter_async_context(new_session())))
        if options.web.subject or settings.dev:
            from control_plane.push.web.vapid import Vapid

            vapid = Vapid(options.web.private_key or secrets.web_push_key, options.web.subject)
            public_key = vapid.public_key
        if options.web.subject:
            from control_plane.push.http import new_session
            from control_plane.push.web.client import WebPush

            services.append(WebPush(vapid, await stack.enter_async_context(new_session())))
        if settings.dev:
            set_up = {service.name for service in services}
            services += [LoggedPushes(name, pushes) for name in ServiceName if name not in set_up]
        await store.set_services(database, [service.name for service in services])
        rules = Rules(options.per_second, options.keep_s, {"live": options.live_keep_s})
        yield Pushing(
            Sender(
                database, services, PushTexts(settings.product_name, urls.media), rules, PushMetrics(metrics), outdated
            ),
            Subscriptions(database, public_key, options.web.services),
            pushes,
        )
