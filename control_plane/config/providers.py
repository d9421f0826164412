"""Settings of the sign-in providers, `[providers.google]` and so on. A provider without client ids is not used."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.config.declare import setting, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Google:
    client_ids: tuple[str, ...] = setting((), "OAuth client ids of the apps; empty: no sign-in with Google in the apps")
    web_client_id: str = setting("", "OAuth client id of the web pages; empty: no button on the pages")
    client_secret: str = setting("", "client secret of `web_client_id`", secret=True)
    issuer: str = setting("https://accounts.google.com", "issuer of Google's ID tokens")
    jwks_url: str = setting("https://www.googleapis.com/oauth2/v3/certs", "Google's published keys")
    authorize_url: str = setting("https://accounts.google.com/o/oauth2/v2/auth", "Google's sign-in page")
    token_url: str = setting("https://oauth2.googleapis.com/token", "where an authorization code becomes tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Apple:
    client_ids: tuple[str, ...] = setting((), "bundle ids of the apps; empty: no sign-in with Apple in the apps")
    web_client_id: str = setting("", "Services ID of the web pages; empty: no button on the pages")
    team_id: str = setting("", "team id of the Apple developer account")
    key_id: str = setting("", "id of the key for Sign in with Apple")
    private_key_file: str = setting("", "the key's file, AuthKey_….p8")
    issuer: str = setting("https://appleid.apple.com", "issuer of Apple's ID tokens")
    jwks_url: str = setting("https://appleid.apple.com/auth/keys", "Apple's published keys")
    authorize_url: str = setting("https://appleid.apple.com/auth/authorize", "Apple's sign-in page")
    token_url: str = setting("https://appleid.apple.com/auth/token", "where an authorization code becomes tokens")
    revoke_url: str = setting("https://appleid.apple.com/auth/revoke", "where a deleted account's token is revoked")


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
