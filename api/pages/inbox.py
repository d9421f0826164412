"""`/inbox`, the page with what the user was told, and its list, in which entries that say the same are one."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import msgspec
from aiohttp import web

from api.contract.errors import SessionMissing
from api.contract.platform import Platform
from api.http.language import preferred_language
from api.http.urls import Urls
from api.pages.answers import json, request_urls
from api.pages.html import Html
from api.pages.live import page_number
from api.pages.sign_in import SignInPages
from control_plane.base.clock import iso_ms
from control_plane.base.ids import UserId
from control_plane.inbox.groups import Group, grouped
from control_plane.inbox.model import Kind, shown_text
from control_plane.inbox.texts import text_of
from control_plane.social.model import Seen
from control_plane.social.people import people
from control_plane.videos.store import ids_seen

PATH = "/inbox"
AT_ONCE = 60
"""Entries of a page of the list. Only entries of the same page are grouped."""
PICTURED = 3
"""Users of a group whom the page names and pictures."""


class Sender(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    name: str
    profile_pic: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, or a group of them."""

    ids: Sequence[int]
    """Of the entries, the newest first."""
    kind: Kind
    text: str
    """In the language of `Accept-Language`."""
    senders: Sequence[Sender]
    """The most recent ones, and not all of a large group."""
    read: bool
    at: str
    stream_id: int
    video_id: int


class Page(msgspec.Struct, frozen=True):
    told: Sequence[Told]
    more: bool
    """There may be older entries."""


class InboxPage:
    def __init__(self, platform: Platform, html: Html, sign_in: SignInPages) -> None:
        self._platform = platform
        self._html = html
        self._sign_in = sign_in

    async def show(self, request: web.Request) -> web.Response:
        values = {"title": "Inbox", "description": "Your inbox on Stagedoor", "image": ""}
        return self._html.page(request, "inbox", values)

    async def entries(self, request: web.Request) -> web.Response:
        """A page of the list, from 1, newest first. Raises SessionMissing, MalformedRequest, DatabaseUnavailable."""
        caller = await self._sign_in.caller(request)
        if caller is None:
            raise SessionMissing
        offset = (page_number(request) - 1) * AT_ONCE
        entries = await self._platform.inbox.page(caller.user_id, AT_ONCE, offset)
        senders = list({entry.told.sender_id for entry in entries})
        database = self._platform.database
        shown = await people(database, caller.user_id, senders)
        videos = await ids_seen(database, caller.user_id, list({entry.told.video_id for entry in entries}))
        groups = grouped([entry for entry in entries if entry.told.sender_id in shown])
        urls, language = request_urls(request, self._platform), preferred_language(request.headers)
        return json(Page([_told(group, shown, videos, urls, language) for group in groups], len(entries) == AT_ONCE))


def _told(group: Group, shown: Mapping[UserId, Seen], videos: Container[int], urls: Urls, language: str) -> Told:
    entry, users = group.newest, [shown[sender_id].user for sender_id in group.sender_ids]
    told = entry.told
    text = shown_text(told.kind, told.text, told.video_id, videos)
    return Told(
        ids=[one.id for one in group.entries],
        kind=told.kind,
        text=text_of(told.kind, users[0].shown_name, language, text=text, others=group.others),
        senders=[Sender(u.id, u.username, u.full_name, urls.media(u.profile_pic)) for u in users[:PICTURED]],
        read=group.read,
        at=iso_ms(entry.created_at),
        stream_id=told.stream_id,
        video_id=told.video_id,
    )
