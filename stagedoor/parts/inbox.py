"""Opens the inbox: messages that are told, and the hub of the personal sockets with its readers."""

from __future__ import annotations

from api.http.urls import Urls
from control_plane.db.pool import Database
from control_plane.inbox.announcements import Announcements
from control_plane.inbox.bundle import Inbox
from control_plane.inbox.news import InboxReader
from control_plane.personal.hub import PersonalHub
from control_plane.videos.news import VideosReader
from stagedoor.parts.live import Live


def inbox(database: Database, live: Live, urls: Urls) -> Inbox:
    hub = PersonalHub(database)
    hub.register(InboxReader(urls.media))
    hub.register(VideosReader())
    hub.follow(live.bus)
    return Inbox(database, Announcements(database), hub)
