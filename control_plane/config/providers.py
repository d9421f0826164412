"""Settings of the sign-in providers, `[providers.google]` and so on. A provider without client ids is not used."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.config.declare import setting, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Google:
    client_ids: tuple[str, ...] = setting((), "OAuth client ids of the apps and pages; empty: no sign-in with Google")
    issuer: str = setting("https://accounts.google.com", "issuer of Google's ID tokens")
    jwks_url: str = setting("https://www.googleapis.com/oauth2/v3/certs", "Google's published keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Apple:
    client_ids: tuple[str, ...] = setting(
        (), "bundle ids of the apps and the Services ID of the pages; empty: no sign-in with Apple"
    )
    issuer: str = setting("https://appleid.apple.com", "issuer of Apple's ID tokens")
    jwks_url: str = setting("https://appleid.apple.com/auth/keys", "Apple's published keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facebook:
    client_ids: tuple[str, ...] = setting((), "app ids (Limited Login); empty: no sign-in with Facebook")
    issuer: str = setting("https://www.facebook.com", "issuer of Facebook's ID tokens")
    jwks_url: str = setting("https://limited.facebook.com/.well-known/oauth/openid/jwks/", "Facebook's published keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Firebase:
    client_ids: tuple[str, ...] = setting((), "project ids; empty: no sign-in with Firebase")
    issuer: str = setting("https://securetoken.google.com", "issuer of Firebase's ID tokens, without the project id")
    jwks_url: str = setting(
        "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
        "Firebase's published keys",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    google: Google = table(Google)
    apple: Apple = table(Apple)
    facebook: Facebook = table(Facebook)
    firebase: Firebase = table(Firebase)
