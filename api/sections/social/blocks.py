"""Blocking users, and the list of those whom the caller blocks."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Section
from api.contract.paging import window
from api.contract.request import CallerId, Id, Page, Request, Switch
from api.http.urls import Urls
from api.wire.person import BlockUser, User, block_view, seen_view
from control_plane.accounts.user import UserNotFound
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.social.blocks import BlockOfOneself
from control_plane.social.model import Block, Seen
from control_plane.social.people import blocked_people

section = Section("social")


class Unblocked(ControlPlaneError):
    """The answer to a block that was undone: the apps know it by its code, which is not 200."""

    code = "unblocked"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("deleted")


class BlockedUser(msgspec.Struct, frozen=True, kw_only=True):
    block_user: BlockUser = field(name="BlockUser")
    blocked_user: User = field(name="BlockedUser")


class ChangeBlock(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    block_user_id: Id
    """The user to block or unblock."""
    block: Switch | None = None
    """1: block, 0: unblock. Empty: toggle, as the apps do."""


@section.endpoint("blockUser", refusals=(BlockOfOneself, Unblocked, UserNotFound))
async def block_user(call: Call, body: ChangeBlock) -> BlockedUser:
    """Block a user, or unblock one whom the caller blocks. Blocked users and the caller do not see or reach each other any
    more, and follow each other no longer. Code 201 with `deleted`: the user is not blocked now. Calls that overlap in time
    are one."""
    call.check_trusted()
    wanted = None if body.block is None else bool(body.block)
    seen = await call.social.blocks.toggle(call.user_id, UserId(body.block_user_id), call.arrived, wanted)
    if seen.relation.block is None:
        raise Unblocked
    return _entry(seen, seen.relation.block, call.urls)


class ShowBlockedUsers(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    starting_point: Page = Page(0)


@section.endpoint("showBlockedUsers")
async def show_blocked_users(call: Call, body: ShowBlockedUsers) -> list[BlockedUser]:
    """A page of the users whom the caller blocks, the newest block first. Of each only the name is shown."""
    call.check_trusted()
    blocked = await blocked_people(call.platform.database, call.user_id, *window(body.starting_point))
    return [_entry(seen, block, call.urls) for seen, block in blocked]


def _entry(seen: Seen, block: Block, urls: Urls) -> BlockedUser:
    return BlockedUser(block_user=block_view(block), blocked_user=seen_view(seen, urls))
