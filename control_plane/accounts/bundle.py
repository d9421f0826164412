"""The accounts services that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.accounts.age import Ages
from control_plane.accounts.codes.codes import Codes
from control_plane.accounts.contact_changes import ContactChanges
from control_plane.accounts.last_uses import LastUses
from control_plane.accounts.lookups import Lookups
from control_plane.accounts.notices import Notices
from control_plane.accounts.passwords import Passwords
from control_plane.accounts.phone_book import PhoneBook
from control_plane.accounts.profile_media import ProfileMedia
from control_plane.accounts.providers.apple import AppleEvents, AppleTokens
from control_plane.accounts.providers.page_flow import PageFlow
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn
from control_plane.accounts.verifications import Verifications
from control_plane.delivery.messenger import Messenger


@dataclass(frozen=True, slots=True)
class Accounts:
    sessions: Sessions
    last_uses: LastUses
    sign_in: SignIn
    codes: Codes
    passwords: Passwords
    contact_changes: ContactChanges
    lookups: Lookups
    notices: Notices
    page_flow: PageFlow
    apple_tokens: AppleTokens
    apple_events: AppleEvents
    messenger: Messenger
    profile_media: ProfileMedia
    phone_book: PhoneBook
    ages: Ages
    verifications: Verifications
