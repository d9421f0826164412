"""The accounts services that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.accounts.codes.codes import Codes
from control_plane.accounts.contacts import Contacts
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn
from control_plane.delivery.messenger import Messenger


@dataclass(frozen=True, slots=True)
class Accounts:
    sessions: Sessions
    sign_in: SignIn
    codes: Codes
    messenger: Messenger
    contacts: Contacts
