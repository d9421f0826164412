"""Settings of push messages, `[push]`, `[push.fcm]` and `[push.web]`."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.config.declare import setting, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Fcm:
    credentials: str = setting(
        "",
        "Firebase service account that sends to the apps: its JSON key, or the path of the key's file; empty: nothing "
        "is pushed to phones",
        secret=True,
    )
    url: str = setting("https://fcm.googleapis.com", "FCM's HTTP v1 API")
    token_url: str = setting("https://oauth2.googleapis.com/token", "where the service account gets its access tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    subject: str = setting(
        "",
        "how a browser's push service reaches you, such as mailto:ops@example.com; empty: nothing is pushed to browsers",
    )
    private_key: str = setting(
        "", "VAPID private key: 32 bytes in base64url; empty: generated and kept with the secrets", secret=True
    )
    services: tuple[str, ...] = setting(
        (),
        "host names of push services that we send to, besides those of Chrome, Firefox, Safari and Edge; a stand-in on "
        "this machine may use http",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    per_second: int = setting(200, "push messages sent per second", least=1, most=5000)
    keep_s: int = setting(86400, "a push message that could not be sent for this time is dropped", least=60, most=86400)
    live_keep_s: int = setting(3600, "the same for the start of a stream", least=60, most=86400)
    fcm: Fcm = table(Fcm)
    web: Web = table(Web)
