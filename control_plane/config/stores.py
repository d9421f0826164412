"""Settings of the stores that sell coins, `[stores.apple]` and so on. A store without its first setting is not used."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.config.declare import setting, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Apple:
    bundle_id: str = setting("", "bundle id of the iOS app; empty: no purchases from the App Store")
    app_id: int = setting(0, "Apple ID of the app in App Store Connect; needed in production", least=0)
    issuer_id: str = setting("", "issuer id of the App Store Connect API key")
    key_id: str = setting("", "id of the In-App Purchase key")
    private_key_file: str = setting("", "the key's file, SubscriptionKey_….p8")
    root_certificates: tuple[str, ...] = setting((), "files of Apple's root certificates, DER or PEM")
    environment: str = setting("production", "production or sandbox; receipts of the other one are refused")
    url: str = setting("", "App Store Server API; empty: Apple's address of the environment")
    consumption_consent: bool = setting(
        False,
        "when a user asks Apple for a refund, tell Apple how much of the purchase was used; only if your terms have the "
        "user's consent, which Apple requires",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Google:
    package_name: str = setting("", "package name of the Android app; empty: no purchases from Google Play")
    credentials: str = setting(
        "", "service account with access to orders: its JSON key, or the path of the key's file", secret=True
    )
    url: str = setting("https://androidpublisher.googleapis.com", "Google Play Developer API")
    token_url: str = setting("https://oauth2.googleapis.com/token", "where the service account gets its access tokens")
    push_audience: str = setting(
        "", "audience of the Pub/Sub push subscription's tokens; empty: the address of /stores/google"
    )
    push_account: str = setting(
        "", "email of the service account that Pub/Sub signs its pushes with; empty: notifications are refused"
    )
    push_issuer: str = setting("https://accounts.google.com", "issuer of those tokens")
    push_jwks_url: str = setting("https://www.googleapis.com/oauth2/v3/certs", "their published keys")
    test_purchases: bool = setting(False, "credit purchases of licence testers, which cost nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripe:
    secret_key: str = setting("", "secret or restricted API key; empty: no purchases with Stripe", secret=True)
    webhook_secrets: tuple[str, ...] = setting(
        (), "signing secrets of the webhook endpoint /stores/stripe; several while one is rolled", secret=True
    )
    url: str = setting("https://api.stripe.com", "Stripe's API")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    apple: Apple = table(Apple)
    google: Google = table(Google)
    stripe: Stripe = table(Stripe)
