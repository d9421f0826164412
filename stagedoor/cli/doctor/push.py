"""Doctor's checks of push messages: whether they are set up, and whether Google gives the service account an access token.
Nothing is sent."""

from __future__ import annotations

from control_plane.config.secrets import load
from stagedoor.cli.doctor.finding import Finding, ok, warning
from stagedoor.cli.doctor.installation import Installation

LOGGED = "not set up: messages are in the log"


async def phones(at: Installation) -> Finding:
    options = at.settings.push.fcm
    if not options.credentials:
        if at.dev:
            return ok(LOGGED)
        return warning("not set up: nothing is pushed to the apps", "Set LIVE_PUSH_FCM_CREDENTIALS.")
    from control_plane.push.fcm.account import fcm_account  # slow to import

    account = fcm_account(options.credentials, options.token_url)
    await account.access_token()
    return ok(f"{account.email} has access")


async def browsers(at: Installation) -> Finding:
    options = at.settings.push.web
    if not options.subject:
        return ok(LOGGED if at.dev else "not set up (LIVE_PUSH_WEB_SUBJECT)")
    from control_plane.push.web.vapid import Vapid  # slow to import

    secrets = load(at.settings.secrets_path)
    key = options.private_key or (secrets.web_push_key if secrets else "")
    if not key:
        return ok("set up; its key is made at the next start")
    Vapid(key, options.subject)
    return ok(f"push services reach you at {options.subject}")
