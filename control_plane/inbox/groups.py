"""Groups entries that say the same: `Ann and 12 others started following you`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.inbox.model import Entry, Kind

GROUPED = frozenset({Kind.FOLLOW, Kind.VIDEO_LIKE, Kind.COMMENT_LIKE})
"""Kinds that many users cause in the same words. Others have a text or an answer of their own."""
WITHIN = dt.timedelta(days=1)
"""A group spans this time at most. Longer: what is new is hidden among old entries."""


@dataclass(frozen=True, slots=True)
class Group:
    entries: tuple[Entry, ...]
    """At least one; the newest first."""

    @property
    def newest(self) -> Entry:
        return self.entries[0]

    @property
    def sender_ids(self) -> list[UserId]:
        """Each once, the most recent first."""
        return list(dict.fromkeys(entry.told.sender_id for entry in self.entries))

    @property
    def others(self) -> int:
        """Senders besides the most recent one."""
        return len(self.sender_ids) - 1

    @property
    def read(self) -> bool:
        return all(entry.read for entry in self.entries)


def grouped(entries: Iterable[Entry]) -> list[Group]:
    """The entries, newest first, in groups that stand where their newest entry does."""
    groups: list[list[Entry]] = []
    latest: dict[tuple[Kind, int, int], list[Entry]] = {}
    for entry in entries:
        told = entry.told
        key = told.kind, told.video_id, told.subject_id
        group = latest.get(key) if told.kind in GROUPED else None
        if group is None or group[0].created_at - entry.created_at > WITHIN:
            group = latest[key] = []
            groups.append(group)
        group.append(entry)
    return [Group(tuple(group)) for group in groups]
