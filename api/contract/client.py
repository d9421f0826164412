"""Detection of the client app that sends a request: by its API key, else by its headers."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.config.secrets import IOS_UPLOAD


class Client(StrEnum):
    IOS = "ios"
    ANDROID = "android"
    ANDROID_KT = "android_kt"
    DOCUMENT = "document"

    @property
    def logs_out_on_501(self) -> bool:
        """Both Android builds delete their session on code 501 and on no other code."""
        return self in {Client.ANDROID, Client.ANDROID_KT}


_CLIENTS = tuple(Client)


class WrongApiKey(ControlPlaneError):
    """The request has an API key that belongs to none of the apps."""

    code = "wrong_api_key"
    kind = ErrorKind.WRONG_API_KEY


def detect(headers: Mapping[str, str], api_keys: Mapping[str, str], *, form: bool = False) -> Client:
    """The client app. `headers` must be a case-insensitive mapping. `form`: the endpoint takes a form, for which iOS has
    another key. Raises WrongApiKey."""
    key = headers.get("Api-Key", "").strip()
    if key:
        offered = key.encode(errors="surrogateescape")  # aiohttp decodes bytes that are not UTF-8 to surrogates
        for client in _CLIENTS:
            if hmac.compare_digest(offered, api_keys[client].encode()):
                return client
        if form and hmac.compare_digest(offered, api_keys[IOS_UPLOAD].encode()):
            return Client.IOS
        raise WrongApiKey("Unknown API key.")
    if "CFNetwork" in headers.get("User-Agent", ""):
        return Client.IOS
    if headers.get("Auth-Token", "").strip() not in {"", "0", "null"}:
        return Client.ANDROID_KT
    if "okhttp" in headers.get("User-Agent", "").lower():
        return Client.ANDROID
    return Client.DOCUMENT
