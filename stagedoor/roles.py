"""Roles: which parts a process opens, in the order of their dependencies. A role is a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from api.http.urls import Urls, urls_of
from control_plane.base.workers import Workers
from control_plane.config.secrets import API_KEYS, Purpose, Secrets, load_or_create
from control_plane.config.settings import Settings
from control_plane.ledger.metrics import LedgerMetrics, measure_ledger
from control_plane.observe.lag import measure_lag
from control_plane.observe.metrics import Metrics
from control_plane.payments.metrics import measure_purchases
from control_plane.payouts.metrics import PayoutMetrics, measure_payouts
from control_plane.reports.metrics import ReportMetrics, measure_reports
from control_plane.streams.media.api_password import api_password
from mediamtx.node.client import MediaMTXClient
from stagedoor.demo.prepare import prepare
from stagedoor.listening.open_files import raise_open_files
from stagedoor.parts.database import database
from stagedoor.parts.hooks import hooks
from stagedoor.parts.http import http, live_socket, personal_socket
from stagedoor.parts.jobs import jobs
from stagedoor.parts.live import following, live
from stagedoor.parts.money import payments
from stagedoor.parts.platform import platform
from stagedoor.parts.push import pushing
from stagedoor.parts.reports import telling
from stagedoor.parts.storage import storage, stored
from stagedoor.parts.streams import media_directory, running, streams
from stagedoor.parts.videos import video_addresses
from stagedoor.processes.children import Processes, Progress
from stagedoor.processes.data_directory import data_directory
from stagedoor.processes.run_file import Run


@dataclass(frozen=True, slots=True)
class Opening:
    """What every role works with. `stack` closes the opened parts in reverse."""

    settings: Settings
    stack: AsyncExitStack
    workers: Workers
    metrics: Metrics
    progress: Progress


@dataclass(frozen=True, slots=True)
class Started:
    """The content of the start-up message."""

    settings: Settings
    urls: Urls
    api_keys: Mapping[str, str]
    stores: Sequence[str]
    """The stores that sell coins."""


Role = Callable[[Opening], Awaitable[Started]]


async def everything(opening: Opening) -> Started:
    """The role of a server that stands alone. Raises a ControlPlaneError when a part cannot start."""
    settings, stack, workers = opening.settings, opening.stack, opening.workers
    metrics, progress = opening.metrics, opening.progress
    stack.enter_context(data_directory(settings.data_dir))
    open_files = raise_open_files()  # before children are started, which inherit the limit
    secrets = load_or_create(settings.secrets_path)
    api_keys = _api_keys(settings, secrets)
    place = storage(settings)
    processes = Processes(settings, _run(settings, secrets, api_keys), stack, workers, metrics, progress)
    opened_hooks = await stack.enter_async_context(hooks(secrets[Purpose.HOOK], metrics, open_files))
    ports, listeners = await processes.media_server(secrets[Purpose.HOOK], opened_hooks.serve)
    dsns = await processes.postgresql()
    db = await stack.enter_async_context(database(dsns, settings, secrets, workers, metrics, progress))
    files = stored(place, settings, secrets, db)
    await prepare(
        db, files.files, media_directory(settings), progress, dev=settings.dev, ffmpeg_setting=settings.ffmpeg
    )

    urls = replace(urls_of(settings, ports, place), video_addresses=video_addresses(secrets))
    delivery = await stack.enter_async_context(live(dsns.server, db, metrics, settings.gift_commission_bps))
    password = api_password(secrets[Purpose.HOOK].signing.value.hex())
    media = await stack.enter_async_context(MediaMTXClient(processes.media_api_url, password))
    on_air = await stack.enter_async_context(streams(settings, secrets, db, delivery, media, urls, metrics))
    opened_hooks.streams.loaded(on_air.running.decide, on_air.reconciler.hint)
    opened_push = await stack.enter_async_context(pushing(settings, secrets, db, urls, metrics))
    opened_payments = await stack.enter_async_context(payments(settings, secrets, db, urls, metrics))
    used = platform(
        settings, secrets, db, delivery, on_air, files, urls, api_keys, metrics, opened_push, opened_payments
    )

    await processes.keep_media_server()
    await stack.enter_async_context(following(delivery, workers))
    await stack.enter_async_context(running(on_air, settings, workers))
    report_telling = telling(settings, used.reports, used.accounts, urls)
    await stack.enter_async_context(jobs(dsns.server, used, report_telling, workers))
    await workers.keep(stack, "lag", measure_lag(metrics))
    await workers.keep(stack, "reports", measure_reports(db, ReportMetrics(metrics)))
    await workers.keep(stack, "payouts", measure_payouts(db, PayoutMetrics(metrics)))
    measured = measure_purchases(db, opened_payments.stores.names, opened_payments.metrics)
    await workers.keep(stack, "purchases", measured)
    await workers.keep(stack, "ledger", measure_ledger(db, LedgerMetrics(metrics)))
    await workers.keep(stack, "last-uses", used.accounts.last_uses.run())
    sockets = await stack.enter_async_context(live_socket(used, delivery, workers))
    personal = await stack.enter_async_context(personal_socket(used, delivery, workers))
    await stack.enter_async_context(http(used, delivery, sockets, personal, listeners.http, open_files))
    processes.complete_run_file()
    return Started(settings, urls, api_keys, opened_payments.stores.names)


ROLES: Mapping[str, Role] = {"all": everything}


def _run(settings: Settings, secrets: Secrets, api_keys: Mapping[str, str]) -> Run:
    signing = {purpose.value: secrets[purpose].signing.key_id for purpose in Purpose}
    pids = {"mediamtx": None, "postgres": None}
    return Run(pids=pids, api_keys=api_keys, dev=settings.dev, signing=signing)


def _api_keys(settings: Settings, secrets: Secrets) -> dict[str, str]:
    return {name: getattr(settings, f"api_key_{name}") or secrets.api_keys[name] for name in API_KEYS}
