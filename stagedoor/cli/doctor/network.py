"""Doctor's checks of the network: ports, hooks listener, and the server's readiness."""

from __future__ import annotations

import aiohttp

from control_plane.config import secrets
from control_plane.config.ports import taken
from control_plane.config.secrets import Purpose
from hooks.listener import USER
from mediamtx.node.config import local_url
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import Installation

ANSWER_S = aiohttp.ClientTimeout(total=3)


async def ports(at: Installation) -> Finding:
    if at.running:
        return ok(f"in use by this installation: {at.ports.http_port} for clients, {at.ports.rtmp_port} for RTMP")
    sentences = taken(at.settings, media_server_runs=at.media_server_left or bool(at.settings.mediamtx_api_url))
    if sentences:
        return broken(" ".join(sentences))
    return ok(
        "free, except those of the MediaMTX that a killed server left running" if at.media_server_left else "free"
    )


async def server(at: Installation) -> Finding:
    if not at.running:
        return ok("not running")
    url = f"{local_url(at.settings.bind, at.ports.http_port)}/readyz"
    try:
        async with aiohttp.ClientSession(timeout=ANSWER_S) as session, session.get(url) as response:
            answer = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return broken(
            f"it runs, but does not answer ({type(error).__name__})", "Read its log. Restart it if this lasts."
        )
    if response.status == 200:
        return ok("running and ready")
    waiting = ", ".join(f"{part}: {word}" for part, word in answer.get("parts", {}).items() if word != "ok")
    return broken(f"running, but not ready: {waiting or 'a part does not answer'}")


async def hooks_listener(at: Installation) -> Finding | None:
    """Post an unknown event, which has no effect: the listener checks the secret before it refuses the event."""
    mine = secrets.load(at.settings.secrets_path) if at.running else None
    if mine is None:
        return None
    url = f"{local_url(at.settings.hooks_bind, at.ports.hooks_port)}/hooks/event"
    secret = mine[Purpose.HOOK].signed_by(at.signing.get(Purpose.HOOK, "")).signing
    auth = aiohttp.BasicAuth(USER, secret.value.hex())
    try:
        async with (
            aiohttp.ClientSession(timeout=ANSWER_S, auth=auth) as session,
            session.post(url, json={"event": "doctor", "path": ""}, allow_redirects=False) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return broken(
            f"{url} does not answer ({type(error).__name__})",
            "Without it, MediaMTX refuses all publishers and viewers. Restart the server.",
        )
    if status == 401:
        return warning(
            "it does not know the newest hook secret of the secrets file",
            "The secrets were rotated after the server started. Restart it.",
        )
    return ok(f"answers on port {at.ports.hooks_port}")
