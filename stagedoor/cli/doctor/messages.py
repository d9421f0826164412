"""Doctor's checks of mail and text messages: whether they are set up, and whether the server answers. Nothing is sent."""

from __future__ import annotations

from control_plane.delivery.contacts import Channel
from stagedoor.cli.doctor.finding import Finding, ok, warning
from stagedoor.cli.doctor.installation import Installation


async def mail(at: Installation) -> Finding:
    if not at.settings.mail_url and not at.dev:
        return warning(
            "not set up: users cannot sign in with an email code or reset their password", "Set LIVE_MAIL_URL."
        )
    return await _finding(at, Channel.EMAIL, at.settings.mail_url)


async def text_messages(at: Installation) -> Finding:
    return await _finding(at, Channel.PHONE, at.settings.sms_url)


async def _finding(at: Installation, channel: Channel, url: str) -> Finding:
    if not url:
        return ok("not set up: messages are in the log" if at.dev else "not set up (LIVE_SMS_URL)")
    from control_plane.delivery.service import Service  # slow to import

    host = await Service(channel, url, at.settings.product_name).check()
    return ok(f"{host} answers" if host else "set up; this service cannot be checked without sending")
