"""Several users at once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.request import Request, named_caller
from api.wire.person import User, seen_view
from control_plane.social.people import people

section = Section("users")

MOST = 100
"""Users in one call. More: a call costs the database more. Fewer: the app's list of friends to invite is incomplete."""


class UserEntry(msgspec.Struct, frozen=True):
    user: User = field(name="User")


class ShowUsers(Request, frozen=True, kw_only=True):
    users: Annotated[list[Any], msgspec.Meta(max_length=MOST)]
    """The wanted users, each as `{"user_id": 7}`, with the id as a number or as text."""


@section.endpoint("showUsers")
async def show_users(call: Call, body: ShowUsers) -> list[UserEntry]:
    """The wanted users in the order of the request, each once. Users whom the caller cannot see are left out: they do not
    exist, are banned, or one of the two blocks the other."""
    named = [named_caller(("user_id",), entry) for entry in body.users if isinstance(entry, dict)]
    wanted = list(dict.fromkeys(user_id for user_id in named if user_id is not None))
    found = await people(call.platform.database, call.user_id, wanted)
    return [UserEntry(seen_view(seen, call.urls)) for seen in found.values()]
