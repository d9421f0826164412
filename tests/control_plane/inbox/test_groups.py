"""Entries in groups."""

from __future__ import annotations

import datetime as dt

from control_plane.base.ids import UserId
from control_plane.inbox.groups import grouped
from control_plane.inbox.model import Entry, EntryId, Kind, Status, Told
from control_plane.inbox.texts import text_of

NOW = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def entry(id_: int, told: Told, *, hours_ago: float = 0, read: bool = False) -> Entry:
    return Entry(UserId(1), EntryId(id_), told, Status.OPEN, read, NOW - dt.timedelta(hours=hours_ago))


def follow(sender: int) -> Told:
    return Told(Kind.FOLLOW, UserId(sender))


def like(sender: int, video_id: int) -> Told:
    return Told(Kind.VIDEO_LIKE, UserId(sender), video_id=video_id)


def test_entries_that_say_the_same_are_one_group() -> None:
    groups = grouped(
        [
            entry(9, follow(2)),
            entry(8, like(2, 5)),
            entry(7, Told(Kind.VIDEO_COMMENT, UserId(3), video_id=5, text="nice")),
            entry(6, follow(3), read=True),
            entry(5, Told(Kind.VIDEO_COMMENT, UserId(3), video_id=5, text="again")),
            entry(4, like(3, 6)),
            entry(3, like(4, 5), hours_ago=1),
            entry(2, follow(2), hours_ago=23, read=True),
            entry(1, follow(4), hours_ago=25),
        ]
    )
    assert [[one.id for one in group.entries] for group in groups] == [[9, 6, 2], [8, 3], [7], [5], [4], [1]]
    first = groups[0]
    assert (first.newest.id, first.sender_ids, first.others, first.read) == (9, [2, 3], 1, False)


def test_the_text_of_a_group() -> None:
    groups = grouped([entry(20 - sender, follow(sender)) for sender in range(2, 15)])
    assert len(groups) == 1
    assert text_of(Kind.FOLLOW, "Ann", "en", others=groups[0].others) == "Ann and 12 others started following you."


def test_no_entries_make_no_groups() -> None:
    assert grouped([]) == []
