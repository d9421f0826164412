"""The accounts services that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.accounts.profile_media import ProfileMedia
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn


@dataclass(frozen=True, slots=True)
class Accounts:
    sessions: Sessions
    sign_in: SignIn
    profile_media: ProfileMedia
