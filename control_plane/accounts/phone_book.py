"""Search for the people in a user's phone book. The numbers are compared in one query; they are neither stored nor
logged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import phonenumbers

from control_plane.accounts import store
from control_plane.accounts.user import User
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import InvalidContact, phone_contact

MOST_CONTACTS = 2000
"""Numbers and Facebook ids of one search. Larger phone books are rare; more would help to search through all numbers of
a country."""
SEARCHES_PER_DAY = 5
"""Searches of one user. An app searches when its user opens the list of contacts; more would help users who collect the
accounts of many numbers."""
AT_ONCE = 25
"""Numbers that are parsed before other calls run: about 2 ms."""

_COUNT = """
    insert into contact_search as search (user_id, day, calls) values ($1, $2, 1)
    on conflict (user_id) do update set
        calls = case when search.day = excluded.day then search.calls + 1 else 1 end, day = excluded.day
    where search.day <> excluded.day or search.calls < $3
    returning calls
"""
_FORGET = "delete from contact_search where user_id = $1"


class TooManySearches(ControlPlaneError):
    code = "too_many_searches"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have searched your contacts often enough for today. Please try again tomorrow.")


class PhoneBook:
    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def search(
        self, searcher: User, numbers: Sequence[str], facebook_ids: Sequence[str], region: str = ""
    ) -> Sequence[UserId]:
        """The users with one of these numbers or Facebook ids who agree to be found. `region`: the country of numbers
        without a country code, if the searcher's own number does not tell it. Raises TooManySearches."""
        if not numbers and not facebook_ids:
            return []
        if await self._database.fetchval(_COUNT, searcher.id, self._clock().date(), SEARCHES_PER_DAY) is None:
            raise TooManySearches
        phones = await normalised(numbers, _region_of(searcher.phone) or region)
        return await store.ids_by_contacts(self._database, searcher.id, phones, facebook_ids)


async def forget_searches(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET, user_id)


async def normalised(numbers: Sequence[str], region: str) -> Sequence[str]:
    """The numbers in E.164, without those that are none. Other tasks run in between."""
    phones = set()
    for index, number in enumerate(numbers):
        if index % AT_ONCE == AT_ONCE - 1:
            await asyncio.sleep(0)
        try:
            phones.add(phone_contact(number, region).address)
        except InvalidContact:
            continue
    return sorted(phones)


def _region_of(phone: str) -> str:
    """The country of a number in E.164, such as DE; "" if it has none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone)) or ""
    except phonenumbers.NumberParseException:
        return ""
