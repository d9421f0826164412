"""Phones with the app: registration at its first start, and the push service's token at every start."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, IosRefusal, Section
from api.contract.request import CallerId, Request, Text
from api.wire.device import Device, device_view
from api.wire.person import User
from api.wire.preferences import PrivacySetting, PushNotification
from api.wire.profile import Profile, caller_of, own_profile, public_profile, user_by_id
from control_plane.accounts import devices
from control_plane.accounts.devices import LONGEST_KEY, LONGEST_TOKEN, LONGEST_VERSION, push_token
from control_plane.accounts.user import UserNotFound

section = Section("device")

GUEST = Profile(user=User(), push_notification=PushNotification(), privacy_setting=PrivacySetting())


class AddDeviceData(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    device_token: Annotated[str, msgspec.Meta(max_length=LONGEST_TOKEN)] = ""
    """The token of the phone's push service. Empty or `null`: none yet, and nothing is stored."""
    version: Annotated[
        str, msgspec.Meta(max_length=LONGEST_VERSION, description="the app's version", extra={"cut": LONGEST_VERSION})
    ] = ""
    device: Text = ""
    """`android` or `iOS`. Not used: the API key tells the app."""
    lat: Text = ""
    """Not used, and not stored."""
    long: Text = ""
    """Not used, and not stored."""
    ip: Text = ""
    """Not used, and not stored."""


@section.endpoint("addDeviceData", access=Access.GUEST, refusals=(UserNotFound,), ios_refusal=IosRefusal(GUEST))
async def add_device_data(call: Call, body: AddDeviceData) -> Profile:
    """Tell the token of this phone's push service. The phone then belongs to the caller, and to no earlier user. The
    answer is the caller's profile; for guests it is empty, and only the token is stored."""
    token = push_token(body.device_token)
    database = call.platform.database
    if call.caller is None or not call.trusted:  # an unproven caller could direct a user's messages to another phone
        if token:
            await devices.keep_token(database, token)
        return GUEST if call.caller is None else public_profile(call, await user_by_id(call, call.user_id))
    if token:
        session_id = call.session.session_id if call.session else ""
        await devices.claim(database, call.user_id, token, call.client.value, body.version, call.language, session_id)
    return own_profile(call, await caller_of(call), call.token if call.proven else "")


class RegisterDevice(Request, frozen=True, kw_only=True):
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_KEY)]
    """The id that the app made when it was installed."""
    device_token: Text = ""
    """Not used: `addDeviceData` tells the token."""
    device_type: Text = ""
    """Not used: the API key tells the app."""


class RegisterDeviceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    device: Device = msgspec.field(name="Device")


@section.endpoint("registerDevice", access=Access.OPEN)
async def register_device(call: Call, body: RegisterDevice) -> RegisterDeviceAnswer:
    """Register an installed app. The same `key` always returns the same `Device.id`."""
    device = await devices.register(call.platform.database, body.key, call.client.value, call.language)
    return RegisterDeviceAnswer(device=device_view(device))
