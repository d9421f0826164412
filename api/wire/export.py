"""The caller's own data, as exportUserData answers them."""

from __future__ import annotations

from typing import Any

import msgspec

Entries = list[dict[str, Any]]


class ExportedData(msgspec.Struct, frozen=True, kw_only=True):
    """A list for each kind of data, newest first. Values that do not exist are left out."""

    exported_at: str
    profile: Entries
    settings: Entries
    former_usernames: Entries
    verification_requests: Entries
    identities: Entries
    """Sign-in providers."""
    sessions: Entries
    visits: Entries
    """Ids of the users whose profiles the caller visited."""
    videos: Entries
    streams: Entries
    gifts_sent: Entries
    gifts_received: Entries
    purchases: Entries
    ledger_entries: Entries
    operator_acts: Entries
    """What operators of this server did to the account."""
    left_off: list[str]
    """The lists that are longer than this answer may be. An operator can export all of them."""
