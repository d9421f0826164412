"""`Profile`, the answer of all profile calls: a user with the settings beside it."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.http.urls import Urls
from api.wire.person import User, own_view, seen_view, user_view
from api.wire.preferences import PrivacySetting, PushNotification, privacy_view, push_view
from control_plane.accounts.store import by_id, own_by_id
from control_plane.accounts.user import OwnUser, UserNotFound
from control_plane.accounts.user import User as StoredUser
from control_plane.base.ids import UserId
from control_plane.social.model import Seen


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Answers with more keys are subclasses: `SendGiftAnswer(**asdict(profile), gift_send=…)`."""

    user: User = field(name="User")
    push_notification: PushNotification = field(name="PushNotification")
    privacy_setting: PrivacySetting = field(name="PrivacySetting")


async def user_by_id(call: Call, user_id: UserId) -> StoredUser:
    """The user with this id. Raises UserNotFound."""
    found = await by_id(call.platform.database, user_id)
    if found is None:
        raise UserNotFound
    return found


async def caller_of(call: Call) -> OwnUser:
    """The caller with the wallet. Raises UserNotFound."""
    own = await own_by_id(call.platform.database, call.user_id)
    if own is None:
        raise UserNotFound
    return own


def own_user(call: Call, own: OwnUser, auth_token: str = "") -> User:
    """The caller's own record, with private fields and the wallet, which the apps show as the new balance."""
    return own_view(own, call.urls, auth_token)


def own_profile(call: Call, own: OwnUser, auth_token: str = "") -> Profile:
    return _profile(own_user(call, own, auth_token))


def public_profile(call: Call, user: StoredUser) -> Profile:
    return _profile(user_view(user, call.urls))


def seen_profile(seen: Seen, urls: Urls) -> Profile:
    """The profile of a user as a viewer sees it."""
    user = seen.user
    return Profile(user=seen_view(seen, urls), push_notification=push_view(user), privacy_setting=privacy_view(user))


def _profile(view: User) -> Profile:
    return Profile(user=view, push_notification=view.push_notification, privacy_setting=view.privacy_setting)
