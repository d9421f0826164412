"""What the personal socket tells of the inbox: new entries, and the number of unread ones when it changes otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from control_plane.base.clock import iso_ms
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox import store
from control_plane.inbox.model import Entry, EntryId, Kind, Sender
from control_plane.inbox.texts import text_of
from control_plane.personal.hub import Frame, News

MOST_AT_ONCE = 200
"""Entries that a socket is told after a gap; the list by REST has the others. More: a socket that was behind
has more unsent bytes than a slow one may have. Fewer: a burst is not told completely."""


class InboxState(msgspec.Struct, frozen=True):
    """Of the first frame."""

    unread: int
    last_id: EntryId
    """Of the newest entry; 0: none."""


class SenderView(msgspec.Struct, frozen=True):
    id: UserId
    username: str
    name: str
    picture: str
    """An absolute URL; empty: none."""


class EntryView(msgspec.Struct, frozen=True):
    id: EntryId
    kind: Kind
    text: str
    """In the language of `Accept-Language`."""
    sender: SenderView
    stream_id: int
    video_id: int
    room_id: int
    created_at: str
    """UTC, with milliseconds."""


class InboxEntry(msgspec.Struct, frozen=True, tag_field="type", tag="inbox"):
    unread: int
    """With this entry."""
    entry: EntryView


class Read(msgspec.Struct, frozen=True, tag_field="type", tag="read"):
    unread: int


class InboxReader:
    """Implements `Reader`."""

    name = "inbox"

    def __init__(self, media_url: Callable[[str], str]) -> None:
        self._media_url = media_url

    async def start(self, database: Database, user_id: UserId) -> InboxState:
        found = await store.states(database, [user_id])
        return InboxState(*found.get(user_id, (0, EntryId(0))))

    def state(self, position: InboxState) -> InboxState:
        return position

    async def read(self, database: Database, positions: Mapping[UserId, InboxState]) -> Mapping[UserId, News]:
        found = await store.states(database, list(positions))
        now = {user_id: InboxState(*state) for user_id, state in found.items()}
        changed = {user_id for user_id, state in now.items() if state != positions[user_id]}
        after = {
            user_id: positions[user_id].last_id
            for user_id in changed
            if now[user_id].last_id > positions[user_id].last_id
        }
        entries = await store.entries_between(
            database, {user_id: (last, now[user_id].last_id) for user_id, last in after.items()}, MOST_AT_ONCE
        )
        return {user_id: self._news(now[user_id], entries.get(user_id, [])) for user_id in changed}

    def _news(self, state: InboxState, entries: list[tuple[Entry, Sender]]) -> News:
        if not entries:
            return News(state, [_told_of_reading(state.unread)])
        # Each entry carries the number that is right once all of them are told.
        return News(state, [partial(self._told, state.unread, entry, sender) for entry, sender in entries])

    def _told(self, unread: int, entry: Entry, sender: Sender, language: str) -> bytes:
        told = entry.told
        picture = self._media_url(sender.picture) if sender.picture else ""
        view = EntryView(
            entry.id,
            told.kind,
            text_of(told.kind, sender.name, language, text=told.text),
            SenderView(sender.id, sender.username, sender.name, picture),
            told.stream_id,
            told.video_id,
            told.room_id,
            iso_ms(entry.created_at),
        )
        return msgspec.json.encode(InboxEntry(unread, view))


def _told_of_reading(unread: int) -> Frame:
    text = msgspec.json.encode(Read(unread))
    return lambda language: text
