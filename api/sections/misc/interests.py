"""Interests: what users can choose, and what a user has chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, MalformedRequest, Request, Text, as_whole
from api.http.urls import Urls
from api.wire.content import Interest, InterestSection, interest_views, section_view
from control_plane.base.ids import LARGEST_ID
from control_plane.content import store
from control_plane.content.model import InterestSection as StoredSection
from control_plane.content.model import UnknownInterest

section = Section("misc")


class SectionEntry(msgspec.Struct, frozen=True):
    interest_section: InterestSection = field(name="InterestSection")
    interest: list[Interest] = field(name="Interest")


class ShowInterestSection(Request, frozen=True, kw_only=True):
    auth_token: Text = ""
    """Not used: the answer is the same for all."""


@section.endpoint("showInterestSection", access=Access.OPEN)
async def show_interest_section(call: Call, body: ShowInterestSection) -> list[SectionEntry]:
    """The interests that a user can choose, by section."""
    return _sections(await call.content.interest_sections.get(), call.urls)


def _views(sections: Sequence[StoredSection], urls: Urls) -> list[SectionEntry]:
    return [SectionEntry(section_view(each), interest_views(each)) for each in sections]


_sections = EncodedOnce(_views)


class AddUserInterest(Request, frozen=True, kw_only=True):
    interests: Annotated[list[Any], msgspec.Meta(max_length=200)]
    """Ids from `showInterestSection`. They replace the interests that the user had; an empty list removes them."""
    user_id: CallerId | None = None


@section.endpoint("addUserInterest", refusals=(UnknownInterest,))
async def add_user_interest(call: Call, body: AddUserInterest) -> str:
    """Set the caller's interests. With an unknown id nothing changes."""
    await store.choose_interests(call.platform.database, call.user_id, [_id_in(entry) for entry in body.interests])
    return "Your interests are saved."


def _id_in(entry: Any) -> int:
    """An id as a number, as text, or in an object as one app sends it."""
    if isinstance(entry, dict):
        entry = entry.get("interest_id", entry.get("id"))
    number = as_whole(entry)
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= LARGEST_ID:
        raise MalformedRequest("interests must be a list of ids.")
    return number
