"""Doctor's checks of MediaMTX: executable, configuration of the running one, and clock."""

from __future__ import annotations

import asyncio
from pathlib import Path

from control_plane.base.clock import utc_now
from control_plane.base.signing import Keyring
from control_plane.config import secrets
from control_plane.config.secrets import Purpose
from control_plane.streams.media.api_password import api_password
from control_plane.streams.media.model import MediaServerUnavailable
from mediamtx.node.config import local_url
from mediamtx.node.inspection import Inspection, inspect
from mediamtx.node.launch import configuration
from mediamtx.obtain.binary import check_version
from mediamtx.obtain.cache import CachedBinary, default_directory
from mediamtx.obtain.pinned import VERSION
from mediamtx.obtain.step import StepFailed
from stagedoor.cli.doctor.database import skew
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import Installation

NOT_ASKED = "it answers only while this server runs, because the server authorises our use of its control API"
RUN_CONFIG = "`stagedoor mediamtx-config` prints the configuration it needs."

IN_WORDS = {
    "authHTTPExclude": "authHTTPExclude (its control API needs no password, so anyone who reaches it can run commands)",
    "paths": "paths (it refuses every stream)",
}


async def binary(at: Installation) -> Finding | None:
    if at.settings.mediamtx_api_url:
        return None
    if at.settings.mediamtx_bin:
        path = Path(at.settings.mediamtx_bin).expanduser().absolute()
        try:
            await asyncio.to_thread(check_version, path)
        except StepFailed as error:
            return broken(f"{path} is not MediaMTX {VERSION}: {error}", "Correct LIVE_MEDIAMTX_BIN, or leave it unset.")
        return ok(f"{VERSION}, {path}")
    cached = await asyncio.to_thread(CachedBinary(default_directory()).verified)
    if cached is None:
        return warning(
            f"{VERSION} is not installed yet",
            "The first start obtains it and needs a network. To obtain it now, run `python -m mediamtx obtain`.",
        )
    return ok(f"{VERSION}, {cached}")


async def configured(at: Installation) -> Finding | None:
    try:
        running = await _inspection(at)
    except MediaServerUnavailable as error:
        return broken(str(error), _what_to_do(at))
    if running is None and at.settings.mediamtx_api_url:
        return warning(NOT_ASKED, "Run this again while the server runs.")
    mine = secrets.load(at.settings.secrets_path) if running is not None else None
    if running is None or mine is None:
        return None
    hooks = mine[Purpose.HOOK]
    wanted = configuration(at.settings, at.ports, hooks, ())
    differs = running.differs(wanted)
    if differs == ("authHTTPAddress",) and _calls_with_an_older_secret(at, running, hooks):
        elsewhere = bool(at.settings.mediamtx_api_url)
        advice = (
            f"Restart it: {RUN_CONFIG}" if elsewhere else "Restart the server: it starts MediaMTX with the new one."
        )
        return warning("it calls us with an older hook secret, which a later rotation removes", advice)
    again = f"Restart it with the configuration of this release: {RUN_CONFIG}"
    if differs:
        named = ", ".join(IN_WORDS.get(name, name) for name in differs)
        return broken(f"it runs with a wrong configuration: {named}", again)
    if older := running.outdated(wanted):
        return warning(f"it runs with the configuration of an earlier release: {'; '.join(older)}", again)
    if running.version != VERSION:
        return warning(f"it is {running.version}, and this release supports {VERSION}", f"Run {VERSION} there.")
    return ok(f"{running.version} runs, and asks us who may publish and watch")


def _calls_with_an_older_secret(at: Installation, running: Inspection, hooks: Keyring) -> bool:
    older = (Keyring((secret,)) for secret in hooks.secrets[1:])
    return any(not running.differs(configuration(at.settings, at.ports, ring, ())) for ring in older)


async def clock(at: Installation) -> Finding | None:
    if not at.settings.mediamtx_api_url:
        return None  # it runs on this machine's clock
    try:
        running = await _inspection(at)
    except MediaServerUnavailable:
        return None  # reported by `configured`
    if running is None:
        return None
    return skew("MediaMTX", (running.at - utc_now().replace(microsecond=0)).total_seconds())


def _what_to_do(at: Installation) -> str:
    if at.settings.mediamtx_api_url:
        return f"Check that it runs and that LIVE_MEDIAMTX_API_URL is its address. {RUN_CONFIG}"
    return f"The server restarts it when it dies. See {at.settings.data_dir.absolute() / 'mediamtx' / 'mediamtx.log'}."


async def _inspection(at: Installation) -> Inspection | None:
    """The running MediaMTX's configuration. None while no server runs, because only a running server authorises the API
    call.

    Raises MediaServerUnavailable.
    """
    if not at.running:
        return None
    mine = secrets.load(at.settings.secrets_path)
    if mine is None:
        return None
    url = at.settings.mediamtx_api_url or local_url(at.settings.mediamtx_api_bind, at.ports.mediamtx_api_port)
    signing = mine[Purpose.HOOK].signed_by(at.signing.get(Purpose.HOOK, "")).signing
    return await inspect(url, api_password(signing.value.hex()))
