"""Editing the own profile. Email address and phone number are not part of it: they change with a code that proves them."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Protocol

from control_plane.accounts import profile_text as texts
from control_plane.accounts import store, usernames
from control_plane.accounts.age import Ages
from control_plane.accounts.user import User, UserNotFound
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import InvalidContact, email_contact, phone_contact

FEWEST_DIGITS = 6
"""Digits of a phone number that is compared without its country code. Fewer: another number counts as unchanged."""
_NONE = {"", "0", "null", "(null)", "nil", "undefined"}
"""What apps send for a contact that the user does not have."""


class ContactNeedsProof(ControlPlaneError):
    """The profile names another email address or phone number than the user's."""

    code = "contact_needs_proof"
    kind = ErrorKind.REFUSED


class DateOfBirthSet(ControlPlaneError):
    code = "date_of_birth_set"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Your date of birth cannot be changed. If it is wrong, please contact support.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a client sends of a profile. None: unchanged; empty text: none."""

    username: str = ""
    """Empty: unchanged."""
    first_name: str | None = None
    last_name: str | None = None
    gender: str | None = None
    bio: str | None = None
    website: str | None = None
    dob: dt.date | None = None
    picture_url: str | None = None
    private: bool | None = None
    profile_view: bool | None = None


class Requests(Protocol):
    """Requests to follow private accounts. The package that has them is above this one."""

    async def account_opened(self, connection: Connection, user_id: UserId) -> None:
        """In the transaction that makes an account public."""
        ...


async def edit(
    database: Database, ages: Ages, requests: Requests, user: User, changes: Changes, today: dt.date
) -> None:
    """Change all fields or none. Raises InvalidProfile, InvalidUsername, AlreadyTaken, UsernameChangedTooOften,
    DateOfBirthSet, InvalidDateOfBirth, TooYoung and UserNotFound."""
    if changes.dob is not None and changes.dob != user.dob:
        if user.dob is not None:
            raise DateOfBirthSet
        ages.check_new(changes.dob, today)
    edited = store.EditedProfile(
        first_name=_line(texts.LONGEST_NAME, "The first name", changes.first_name),
        last_name=_line(texts.LONGEST_NAME, "The last name", changes.last_name),
        gender=_line(texts.LONGEST_GENDER, "The gender", changes.gender),
        bio=None
        if changes.bio is None
        else texts.at_most(texts.LONGEST_BIO, "The bio", texts.several_lines(changes.bio)),
        website=None if changes.website is None else texts.website(changes.website),
        dob=changes.dob,
        profile_pic=changes.picture_url,
        private=changes.private,
        profile_view=changes.profile_view,
    )
    async with database.transaction() as connection:
        if changes.username and changes.username != user.username:
            await usernames.change(connection, user.id, changes.username)
        if not await store.edit(connection, user.id, edited):
            raise UserNotFound
        if changes.private is False:
            await requests.account_opened(connection, user.id)


def check_contacts(user: User, email: str, phone: str) -> None:
    """Apps send the whole profile when one field of it changes, with the contacts in the form in which they show them.
    Raises ContactNeedsProof for contacts that are not the user's own."""
    if not _is_email_of(user, email):
        raise ContactNeedsProof(
            "Your email address is not changed with the profile. Use changeEmailAddress: it sends a code to the new "
            "address."
        )
    if not _is_phone_of(user, phone):
        raise ContactNeedsProof(
            "Your phone number is not changed with the profile. Use changePhoneNo: it sends a code to the new number."
        )


def _line(length: int, what: str, text: str | None) -> str | None:
    return None if text is None else texts.at_most(length, what, texts.one_line(text))


def _is_email_of(user: User, email: str) -> bool:
    if email.lower() in _NONE or email.casefold() == user.email.casefold():
        return True
    try:
        return email_contact(email).address == user.email
    except InvalidContact:
        return False


def _is_phone_of(user: User, phone: str) -> bool:
    if phone.lower() in _NONE or phone == user.phone:
        return True
    try:
        return phone_contact(phone).address == user.phone
    except InvalidContact:  # without its country code, as one app keeps it
        digits = re.sub(r"\D", "", phone).lstrip("0")
        return len(digits) >= FEWEST_DIGITS and user.phone.endswith(digits)
