"""Direct messages on a database of their own, without a server."""

from __future__ import annotations

from pathlib import Path

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.messages.bundle import DirectMessages
from control_plane.messages.changing import Changing
from control_plane.messages.model import Content, Message
from control_plane.messages.news import MessageViews
from control_plane.messages.sending import Sending
from control_plane.pictures.pictures import Pictures
from control_plane.storage.addresses import Addresses
from control_plane.storage.files import Files
from control_plane.storage.places import Folder
from tests.control_plane.operations.test_development import KEYRING


def direct_messages(database: Database, folder: Path) -> DirectMessages:
    files = Files(Folder(folder), database)
    sending = Sending(database, files, Pictures())
    return DirectMessages(
        database, sending, Changing(database, files), MessageViews(Addresses(KEYRING), "https://files")
    )


async def say(
    messages: DirectMessages, sender: UserId, receiver: UserId, text: str, client_ref: str | None = None
) -> Message:
    return await messages.sending.send(sender, receiver, Content(text), client_ref)
