"""Settings: what users set for themselves, and the settings of the apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.client import Client
from api.contract.encoded import EncodedOnce
from api.contract.endpoint import Access, Section
from api.contract.request import CallerId, Flag, Id, Request, Switch, Text, as_text
from api.http.urls import Urls
from api.wire.person import User
from api.wire.preferences import PrivacySetting, PushNotification, privacy_view, push_view
from api.wire.profile import caller_of, own_user
from api.wire.setting import Setting, app_settings
from control_plane.accounts.preferences_store import set_privacy, set_push
from control_plane.accounts.user import PushSettings, UserNotFound
from control_plane.config.settings import Settings

section = Section("settings")


def _spelled(words: Mapping[str, str]) -> Callable[[Any], Any]:
    """Reads a word as each app spells it: case, blanks and underscores make no difference."""

    def read(value: Any) -> Any:
        text = as_text(value)
        return words.get(text.lower().replace(" ", "").replace("_", ""), text) if isinstance(text, str) else text

    return read


_AUDIENCES = {
    "everyone": "everyone",
    "1": "everyone",
    "friends": "friends",
    "friend": "friends",
    "noone": "no_one",
    "0": "no_one",
}
_OWNERS = {
    "everyone": "everyone",
    "1": "everyone",
    "onlyme": "only_me",
    "me": "only_me",
    "noone": "only_me",
    "0": "only_me",
}
SPELLINGS = "also as the apps spell it, or 1 and 0; empty: unchanged"

Audience = Annotated[
    Literal["", "everyone", "friends", "no_one"],
    msgspec.Meta(description=SPELLINGS, extra={"read": _spelled(_AUDIENCES)}),
]
Owner = Annotated[
    Literal["", "everyone", "only_me"], msgspec.Meta(description=SPELLINGS, extra={"read": _spelled(_OWNERS)})
]


class AddPrivacySetting(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    videos_download: Switch | None = None
    """1: other users may download the caller's videos."""
    direct_message: Audience = ""
    """Who may send messages to the caller."""
    duet: Audience = ""
    """Who may make duets with the caller's videos."""
    liked_videos: Owner = ""
    """Who sees which videos the caller likes."""
    video_comment: Audience = ""
    """Who may comment on the caller's videos."""
    found_by_contacts: Switch | None = None
    """1: users who have the caller's phone number find the account (`showRegisteredContacts`)."""
    order_history: Text = ""
    """Not used: there is no shop."""
    auth_token: Text = ""
    """Not used. Send the session token in a header."""


class AddPrivacySettingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    privacy_setting: PrivacySetting = field(name="PrivacySetting")
    user: User = field(name="User")


@section.endpoint("addPrivacySetting", aliases=("privacypolicy",), refusals=(UserNotFound,))
async def add_privacy_setting(call: Call, body: AddPrivacySetting) -> AddPrivacySettingAnswer:
    """Change the caller's privacy. What is empty or absent stays as it is."""
    call.check_trusted()
    wanted = {
        "videos_download": None if body.videos_download is None else bool(body.videos_download),
        "direct_message": body.direct_message or None,
        "duet": body.duet or None,
        "liked_videos": body.liked_videos or None,
        "video_comment": body.video_comment or None,
        "found_by_contacts": None if body.found_by_contacts is None else bool(body.found_by_contacts),
    }
    changed = await set_privacy(call.platform.database, call.user_id, wanted)
    own = await caller_of(call)
    user = msgspec.structs.replace(own.user, privacy=changed)
    shown = own_user(call, msgspec.structs.replace(own, user=user), call.token)
    return AddPrivacySettingAnswer(privacy_setting=privacy_view(user), user=shown)


class UpdatePushNotificationSettings(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    likes: Flag
    """1: the caller is notified of likes."""
    comments: Flag
    """1: the caller is notified of comments."""
    new_followers: Flag
    """1: the caller is notified of new followers."""
    mentions: Flag
    """1: the caller is notified when a user mentions them."""
    direct_messages: Flag
    """1: the caller is notified of messages."""
    video_updates: Flag
    """1: the caller is notified of new videos of followed users."""


class UpdatePushNotificationSettingsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    push_notification: PushNotification = field(name="PushNotification")
    user: User = field(name="User")


@section.endpoint("updatePushNotificationSettings", refusals=(UserNotFound,))
async def update_push_notification_settings(
    call: Call, body: UpdatePushNotificationSettings
) -> UpdatePushNotificationSettingsAnswer:
    """Set which push notifications the caller gets: 1 or 0 for each kind."""
    call.check_trusted()
    push = PushSettings(
        likes=bool(body.likes),
        comments=bool(body.comments),
        new_followers=bool(body.new_followers),
        mentions=bool(body.mentions),
        direct_messages=bool(body.direct_messages),
        video_updates=bool(body.video_updates),
    )
    changed = await set_push(call.platform.database, call.user_id, push)
    own = await caller_of(call)
    user = msgspec.structs.replace(own.user, push=changed)
    shown = own_user(call, msgspec.structs.replace(own, user=user), call.token)
    return UpdatePushNotificationSettingsAnswer(push_notification=push_view(user), user=shown)


class SettingEntry(msgspec.Struct, frozen=True):
    setting: Setting = field(name="Setting")


class ShowSettings(Request, frozen=True, kw_only=True):
    user_id: Id | None = None
    """Not used: the answer is the same for all users."""


@section.endpoint("showSettings", access=Access.OPEN)
async def show_settings(call: Call, body: ShowSettings) -> list[SettingEntry]:
    """The settings of the app. `coin_worth` is the price of showCoinWorth: cash per coin, and for the Java app of
    Android coins per unit of cash, because that app divides by it."""
    return _settings[call.client](call.platform.settings, call.urls)


def _views(client: Client, settings: Settings, urls: Urls) -> list[SettingEntry]:
    return [SettingEntry(setting) for setting in app_settings(client, Decimal(settings.cash_per_coin))]


_settings = {client: EncodedOnce(partial(_views, client)) for client in Client}
