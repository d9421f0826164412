"""HTTP requests of a probe to MediaMTX, by the standard library: importing aiohttp would take longer."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass

from mediamtx.probe.received import AGENT, Broken, NoAnswer, NotThere

_LARGEST_BYTES = 1 << 20
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    url: str
    """Final URL, after redirects."""


def ask(url: str, key: str, timeout_s: float, offer: str | None = None) -> Answer:
    """GET, or POST an SDP offer.

    Raises NotThere for a 404, NoAnswer if the request was sent and times out, Broken if the server cannot be reached or
    refuses the key.
    """
    request = urllib.request.Request(url, None if offer is None else offer.encode())  # noqa: S310
    for name, value in {**headers(key), "Content-Type": "application/sdp"}.items():
        request.add_header(name, value)
    try:
        with _NO_PROXY.open(request, timeout=max(timeout_s, 0.1)) as response:
            return Answer(response.status, response.read(_LARGEST_BYTES).decode(errors="replace"), response.url)
    except urllib.error.HTTPError as refusal:
        with refusal:
            if refusal.code == http.client.NOT_FOUND:
                raise NotThere("no such path") from None
            if refusal.code == http.client.UNAUTHORIZED:
                raise Broken("the key was refused") from None
            return Answer(refusal.code, refusal.read(_LARGEST_BYTES).decode(errors="replace"), url)
    except TimeoutError:
        raise NoAnswer("no answer: TimeoutError") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Broken(f"no answer: {type(error).__name__}") from None


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "User-Agent": AGENT}
