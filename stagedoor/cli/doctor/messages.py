"""Doctor's checks of mail and text messages: whether they are set up, and whether the server answers. Nothing is sent."""

from __future__ import annotations

from control_plane.accounts.codes import store as codes
from control_plane.base.clock import utc_now
from control_plane.db.migrate import applied_version
from control_plane.db.pool import connect
from control_plane.delivery.contacts import Channel
from stagedoor.cli.doctor.finding import Finding, ok, warning
from stagedoor.cli.doctor.installation import CONNECT_S, Installation

COUNTERS_SINCE = 8
"""The migration that adds counters."""


async def mail(at: Installation) -> Finding:
    if not at.settings.mail_url and not at.dev:
        return warning(
            "not set up: users cannot sign in with an email code or reset their password", "Set LIVE_MAIL_URL."
        )
    return await _finding(at, Channel.EMAIL, at.settings.mail_url)


async def text_messages(at: Installation) -> Finding:
    return await _finding(at, Channel.PHONE, at.settings.sms_url)


async def codes_of_today(at: Installation) -> Finding | None:
    most = at.settings.sms_per_day
    if at.dsn is None or not at.settings.sms_url or not most:
        return None
    connection = await connect(at.dsn, CONNECT_S)
    try:
        has_counters = await applied_version(connection) >= COUNTERS_SINCE
        number = await codes.by_text_message(connection, utc_now()) if has_counters else 0
    finally:
        connection.terminate()
    text = f"{number} of {most} today (UTC)"
    if number < most:
        return ok(text)
    return warning(
        f"{text}: users get no more codes by text message until midnight",
        "If these are real users, raise LIVE_SMS_PER_DAY and restart the server.",
    )


async def _finding(at: Installation, channel: Channel, url: str) -> Finding:
    if not url:
        return ok("not set up: messages are in the log" if at.dev else "not set up (LIVE_SMS_URL)")
    from control_plane.delivery.service import Service  # slow to import

    host = await Service(channel, url, at.settings.product_name).check()
    return ok(f"{host} answers" if host else "set up; this service cannot be checked without sending")
