"""HTML pages from templates with escaped values, with their Content-Security-Policy and preload links."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from api.contract.platform import Platform
from api.http.urls import Urls
from api.pages.answers import request_urls, status_of
from control_plane.base.errors import ControlPlaneError

STATIC = Path(str(files("api.pages"))) / "static"
TEMPLATES = Path(str(files("api.pages"))) / "templates"
CAMERA = "camera=(self), microphone=(self)"
NO_CAMERA = "camera=(), microphone=()"
PLAYERS = {"watch", "video"}
"""Pages of one video, as Open Graph names it."""
_IMPORT = re.compile(r'^import .* from "\./(\w+\.js)";$', re.MULTILINE)


def release() -> str:
    """A hash of the static files. It is part of their URLs, so that a browser never mixes the files of two releases."""
    digest = hashlib.sha256()
    for file in sorted(file for file in STATIC.rglob("*") if file.is_file()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


class Html:
    """The templates, read once at start-up."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.static_path = f"/static/pages/{release()}"
        self._templates = {file.stem: Template(file.read_text()) for file in TEMPLATES.glob("*.html")}
        self._header = self._templates["header"].substitute()
        self._preloads = {name: self._preload(name) for name in self._templates if (STATIC / f"{name}.js").exists()}

    def page(
        self,
        request: web.Request,
        name: str,
        values: Mapping[str, str],
        *,
        status: int = 200,
        permissions: str = NO_CAMERA,
        scripts: Iterable[str] = (),
        tags: Mapping[str, str] = MappingProxyType({}),
    ) -> web.Response:
        """The template `name` inside the frame. `values` must have `title`, `description` and `image`. `scripts` are
        preloaded: they are large, and a browser loads only about six files at a time. `tags`: further Open Graph tags."""
        escaped = {key: escape(value) for key, value in values.items()}
        soon = (f'<link rel="preload" as="script" href="{script}">' for script in scripts)
        preload = "\n".join([*soon, self._preloads[name]])
        body = self._templates[name].substitute(escaped, static=self.static_path, header=self._header)
        urls = request_urls(request, self._platform)
        image = {"og:image": values["image"]} if values["image"] else {}
        shared = {
            "tags": "".join(
                f'<meta property="{tag}" content="{escape(text)}">\n' for tag, text in {**image, **tags}.items()
            ),
            "card": "summary_large_image" if image else "summary",
            "url": escape(urls.base + request.rel_url.raw_path),
            "kind": "video.other" if name in PLAYERS else "website",
        }
        text = self._templates["frame"].substitute(
            escaped, **shared, page=name, static=self.static_path, preload=preload, body=body
        )
        headers = {
            "Content-Security-Policy": policy(urls),
            "Permissions-Policy": permissions,
            "Cache-Control": "private, no-cache",
        }
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    def _preload(self, name: str) -> str:
        """Preload links for every module that the page's script imports, so that the browser loads them in parallel."""
        links = [f'<link rel="modulepreload" href="{self.static_path}/{module}">' for module in sorted(modules(name))]
        return "\n".join(links)

    def opened(self, path: str) -> web.Response:
        """A page that opens `path` at once. Browsers send a SameSite=Strict cookie with a request that a page of ours
        causes, and not with a redirect that began at another site."""
        text = self._templates["opened"].substitute(path=escape(path))
        headers = {"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    def message(
        self, request: web.Request, title: str, text: str, status: int, *, opens_to: Literal["", "signed-in"] = ""
    ) -> web.Response:
        """The error page: a title and a text instead of the requested page. With `opens_to` "signed-in" it is loaded again
        after sign-in, because it may be another page then."""
        values = {"title": title, "description": text, "image": "", "text": text, "opens_to": opens_to}
        return self.page(request, "message", values, status=status)

    def showing(self, handler: Handler) -> Handler:
        """Decorator that turns a ControlPlaneError into an error page."""

        @functools.wraps(handler)
        async def show(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ControlPlaneError as refusal:
                return self.message(request, "That did not work", str(refusal), status_of(refusal))

        return show


def modules(name: str) -> set[str]:
    """The file names of the page's script and of all modules that it imports, directly or not."""
    found: set[str] = set()
    waiting = {f"{name}.js"}
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= set(_IMPORT.findall((STATIC / module).read_text())) - found
    return found


def policy(urls: Urls) -> str:
    """The Content-Security-Policy: only our own files, those of a bucket, the live socket, and HLS and WebRTC of the media server."""
    hls, webrtc, socket = (
        f"{parts.scheme}://{parts.netloc}"
        for parts in map(urlsplit, (urls.playback(""), urls.webrtc(""), urls.websocket(0)))
    )
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: {urls.storage_origin}".rstrip(),
            f"media-src 'self' blob: {hls} {urls.storage_origin}".rstrip(),
            f"connect-src 'self' {socket} {hls} {webrtc}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )
