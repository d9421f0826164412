"""The people in the caller's phone book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import CallerId, Request, as_text
from api.http.language import region_of
from api.wire.person import User, seen_view
from api.wire.profile import user_by_id
from control_plane.accounts.phone_book import MOST_CONTACTS, TooManySearches
from control_plane.accounts.user import UserNotFound
from control_plane.social.people import people

section = Section("users")

Entries = Annotated[list[Any], msgspec.Meta(max_length=MOST_CONTACTS)]


class ShowRegisteredContacts(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    phone_numbers: Entries = field(default_factory=list)
    """Numbers as they are in the phone book: texts, or objects with `phone`. They are not stored."""
    facebook_ids: Entries = field(default_factory=list)
    """Ids at Facebook: texts, or objects with `fb_id`. They are not stored."""


class ContactEntry(msgspec.Struct, frozen=True):
    user: User = field(name="User")


@section.endpoint("showRegisteredContacts", refusals=(TooManySearches, UserNotFound))
async def show_registered_contacts(call: Call, body: ShowRegisteredContacts) -> list[ContactEntry]:
    """The users among the caller's contacts who agree to be found. A user can search a few times a day."""
    call.check_trusted()
    found = await call.accounts.phone_book.search(
        await user_by_id(call, call.user_id),
        _texts(body.phone_numbers, "phone"),
        _texts(body.facebook_ids, "fb_id"),
        call.use.country or region_of(call.language),
    )
    shown = await people(call.platform.database, call.user_id, found)
    return [ContactEntry(seen_view(seen, call.urls)) for seen in shown.values()]


def _texts(entries: Sequence[Any], key: str) -> Sequence[str]:
    """The entries as text. An entry that is none matches no contact."""
    values = (as_text(entry.get(key) if isinstance(entry, dict) else entry) for entry in entries)
    return [value for value in values if isinstance(value, str) and value]
