"""Opens direct messages, and tells the personal sockets of them."""

from __future__ import annotations

from api.http.urls import Urls
from control_plane.db.pool import Database
from control_plane.inbox.bundle import Inbox
from control_plane.messages.bundle import DirectMessages
from control_plane.messages.changing import Changing
from control_plane.messages.news import MessagesReader, MessageViews
from control_plane.messages.sending import Sending
from control_plane.pictures.pictures import Pictures
from control_plane.storage.bundle import Stored


def messages(database: Database, stored: Stored, inbox: Inbox, urls: Urls, pictures: Pictures) -> DirectMessages:
    views = MessageViews(stored.addresses, urls.base)
    inbox.hub.register(MessagesReader(views.view))
    sending = Sending(database, stored.files, pictures)
    return DirectMessages(database, sending, Changing(database, stored.files), views)
