"""The keys at the ends of pages."""

from __future__ import annotations

import pytest

from control_plane.videos import pages
from control_plane.videos.pages import DEEPEST, KEPT_S, NEWEST, Asked, PageKeys, Reader, Start

ANN, BEN, GUEST = Reader(False, "ann"), Reader(False, "ben"), Reader(True, "phone")
FIRST = Start(NEWEST, 0, known=True)


def page(number: int, reader: Reader = ANN) -> Asked:
    return Asked(reader, number, 10)


def read(keys: PageKeys, list_: str, asked: Asked, last: int | None) -> None:
    start = keys.start(list_, asked)
    assert start is not None
    keys.ended(list_, asked, start, last)


def test_a_page_begins_where_the_readers_page_before_ended() -> None:
    keys = PageKeys()
    read(keys, "a", page(0), 91)
    assert keys.start("a", page(1)) == Start(91, 0, known=True)
    assert keys.start("b", page(1)) == keys.start("a", page(1, BEN)) == Start(NEWEST, 10, known=False)
    assert keys.start("a", page(0)) == FIRST
    read(keys, "a", page(0), 95)
    assert keys.start("a", page(1)) == Start(95, 0, known=True), "the list was read again from its begin"


def test_a_list_that_has_ended_goes_on_where_it_ended() -> None:
    keys = PageKeys()
    read(keys, "a", page(0), 7)
    read(keys, "a", page(1), None)
    assert keys.start("a", page(2)) == Start(7, 0, known=True)
    read(keys, "b", page(4), None)
    assert keys.start("b", page(5)) == Start(NEWEST, 50, known=False), "no page before it was read"


def test_a_page_without_a_key_is_read_by_offset_up_to_the_largest_one() -> None:
    keys = PageKeys()
    last = DEEPEST // 10 - 1
    assert keys.start("a", page(last)) == Start(NEWEST, last * 10, known=False)
    assert keys.start("a", page(last + 1)) is None
    read(keys, "a", page(last), 3)
    assert keys.start("a", page(last + 1)) == Start(3, 0, known=True)


def test_a_key_is_kept_for_half_an_hour() -> None:
    now = 100.0
    keys = PageKeys(lambda: now)
    read(keys, "a", page(0), 7)
    now += KEPT_S - 1
    assert keys.start("a", page(1)) == Start(7, 0, known=True)
    now += 1
    assert keys.start("a", page(1)) == Start(NEWEST, 10, known=False)


def test_the_table_is_bounded_and_guests_do_not_displace_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST", 100)
    keys = PageKeys()
    read(keys, "a", page(0), 7)
    for number in range(300):
        read(keys, "a", page(0, Reader(True, number)), 1)
    assert keys.start("a", page(1)) == Start(7, 0, known=True)
    assert keys.start("a", page(1, Reader(True, 299))) == Start(1, 0, known=True)
    kept = [number for number in range(300) if keys.start("a", page(1, Reader(True, number))) == Start(1, 0, True)]
    assert kept == list(range(200, 300))
