"""Compare a running MediaMTX (v1.20.1) with our configuration, by its control API."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import aiohttp
import msgspec

from control_plane.streams.media.api_password import api_authorization
from control_plane.streams.media.model import MediaServerUnavailable
from mediamtx.node.client import bare
from mediamtx.node.config import EXCLUDED, OTHER_PATHS, PATH_PATTERN, MediaMTXConfig, callback_address
from mediamtx.node.wire import Info

QUIET = ("warn", "error")
"""Log levels at which MediaMTX does not log what clients sent."""


class Global(msgspec.Struct, frozen=True, rename="camel"):
    """The settings in `/v3/config/global/get` that must match ours. `callback` contains the hook secret."""

    log_level: str
    auth_method: str
    excluded: list[dict[str, str]] = msgspec.field(name="authHTTPExclude")
    callback: str = msgspec.field(name="authHTTPAddress")
    rtmp_address: str
    hls_address: str
    webrtc_address: str
    webrtc_udp_address: str = msgspec.field(name="webrtcLocalUDPAddress")
    srt_address: str


@dataclass(frozen=True, slots=True)
class Inspection:
    version: str
    at: dt.datetime
    """MediaMTX's clock, in whole seconds."""
    settings: Global = field(repr=False)
    has_path: bool
    """Whether our streams' paths are configured."""
    has_other_paths: bool
    """Whether all other names are configured, so that MediaMTX calls the auth hook for them."""

    def differs(self, config: MediaMTXConfig) -> tuple[str, ...]:
        """Names of settings that differ from ours so that MediaMTX cannot work with us."""
        running = self.settings
        equal = {
            "authMethod": running.auth_method == "http",
            "authHTTPAddress": running.callback == callback_address(config),
            "authHTTPExclude": {entry.get("action") for entry in running.excluded} <= set(EXCLUDED),
            "rtmpAddress": _port(running.rtmp_address) == config.rtmp_port,
            "hlsAddress": _port(running.hls_address) == config.hls_port,
            "webrtcAddress": _port(running.webrtc_address) == config.webrtc_port,
            "webrtcLocalUDPAddress": _port(running.webrtc_udp_address) == config.webrtc_udp_port,
            "srtAddress": _port(running.srt_address) == config.srt_port,
            "paths": self.has_path,
        }
        return tuple(name for name, same in equal.items() if not same)

    def outdated(self, config: MediaMTXConfig) -> tuple[str, ...]:
        """Sentences about settings of earlier releases, with which MediaMTX still works."""
        level = self.settings.log_level
        found = {
            f"it logs at level {level}, and writes stream keys into its log": level in QUIET
            or level == config.log_level,
            "it disconnects publishers at a wrong path without a status or a line in our log": self.has_other_paths,
        }
        return tuple(words for words, right in found.items() if not right)


async def inspect(api_url: str, api_password: str, deadline_s: float = 3.0) -> Inspection:
    """Raises MediaServerUnavailable."""
    base, authorization = bare(api_url), api_authorization(api_password)
    try:
        async with (
            asyncio.timeout(deadline_s),
            aiohttp.ClientSession(raise_for_status=True, headers=authorization) as session,
        ):
            async with session.get(f"{base}/v3/info", allow_redirects=False) as response:
                info = msgspec.json.decode(await response.read(), type=Info)
                at = parsedate_to_datetime(response.headers["Date"])
            async with session.get(f"{base}/v3/config/global/get", allow_redirects=False) as response:
                settings = msgspec.json.decode(await response.read(), type=Global)
            paths = []
            for pattern in (PATH_PATTERN, OTHER_PATHS):
                url = f"{base}/v3/config/paths/get/{quote(pattern)}"
                async with session.get(url, raise_for_status=False, allow_redirects=False) as response:
                    paths.append(response.status == 200)
    except TimeoutError as error:
        raise MediaServerUnavailable(f"The control API does not answer within {deadline_s:g} s.") from error
    except aiohttp.ClientResponseError as error:
        raise MediaServerUnavailable(f"The control API answers {error.status}.") from error
    except (aiohttp.ClientError, OSError) as error:
        raise MediaServerUnavailable(f"The control API cannot be reached ({type(error).__name__}).") from error
    except (msgspec.MsgspecError, KeyError, ValueError) as error:
        raise MediaServerUnavailable("What answers there is not MediaMTX's control API.") from error
    return Inspection(info.version, at, settings, *paths)


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isascii() and port.isdigit() else 0
