"""`/messages` and `/messages/{username}`, the page of the user's conversations. Its script reads all of it by the calls of
the contract's kind, as an app does."""

from __future__ import annotations

from aiohttp import web

from api.pages.html import Html

PATH = "/messages"


class MessagesPage:
    def __init__(self, html: Html) -> None:
        self._html = html

    async def show(self, request: web.Request) -> web.Response:
        values = {
            "title": "Messages",
            "description": "Your messages on Stagedoor",
            "image": "",
            "with_username": request.match_info.get("username", ""),
        }
        return self._html.page(request, "messages", values)
