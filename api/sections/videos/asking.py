"""What a client asks a list of videos for: a page, and of which user."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.paging import PAGE_SIZE
from api.contract.request import CallerId, Id, Page, Request
from api.http.address import limit_key
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.videos.pages import Asked, Reader

DeviceId = Annotated[
    str, msgspec.Meta(max_length=64, description="the id of the phone: guests are told apart by it", extra={"cut": 64})
]


class OfUser(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    """The caller. Without a session: the user whose list is wanted, if `other_user_id` is empty."""
    other_user_id: Id | None = None
    """The user whose list is wanted. 0 or empty: the caller's."""
    starting_point: Page = Page(0)


def asked(call: Call, number: Page, device_id: str = "", size: int = PAGE_SIZE) -> Asked:
    """The page, and who reads the list: a session; without one the phone, else the address."""
    if call.session is not None:
        return Asked(Reader(guest=False, id=call.session), number, size)
    phone = device_id if device_id not in ("", "0") else limit_key(call.address)
    return Asked(Reader(guest=True, id=(call.caller.user_id if call.caller else 0, phone)), number, size)


def wanted_user(call: Call, body: OfUser) -> UserId:
    """The user whose list is wanted. Raises UserNotFound."""
    wanted = body.other_user_id or (call.caller.user_id if call.caller is not None else body.user_id)
    if wanted is None:
        raise UserNotFound
    return UserId(wanted)
