"""Usernames: which ones are allowed, which ones are too alike for two users, and how a user changes the own name.

A name is compared by its keys, which leave out case and look: `ann`, `ANN` and a name of Cyrillic letters that look like
these have a common key. Every key belongs to one user. After a change the former name stays with its user for KEPT:
another user cannot take it to pose as the first one, and lookups by it still find the user.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import unicodedata

from control_plane.accounts import usernames_store as store
from control_plane.accounts.confusables import skeleton
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.jobs.kind import job

LONGEST = 40
KEPT = dt.timedelta(days=30)
"""How long a former name is kept for its user. Longer: names that no user has are missing. Shorter: links and mentions lead
to another user while people still remember the name."""
CHANGES = 3
"""Changes of the name in CHANGES_WITHIN. More: one user can keep more names from others, and confuse them more."""
CHANGES_WITHIN = dt.timedelta(days=30)
MOST_MARKS = 3
"""Combining marks after one letter. No language's name needs more; more draw over the lines above and below."""
UNCLAIMED = 1000
"""Users for whom one statement of the nightly job records the name."""

_SPEAKS_FOR_THE_SERVICE = """
    admin administrator root sysadmin system webmaster postmaster hostmaster abuse moderator moderators mod mods
    staff team official officialteam support helpdesk help info contact security safety trust trustandsafety billing
    payment payments payout payouts refund refunds coins gift gifts legal privacy terms tos copyright dmca press
    news notifications notification noreply donotreply mail email sms verified verification verify service
    customerservice operator operators owner ceo
"""
_PATHS = """
    about account accounts api app appeal appeals assets asyncapi auth callback docs download downloads embed
    favicon feed files health healthz hook hooks inbox index live login logout media messages metrics openapi
    opensearch profile push push_worker readyz register reports robots sandbox search session sessions settings signin
    shop signout signup sitemap static status studio upload uploads user users v video videos watch websocket wellknown whep
    whip ws www
"""
"""The server's own paths, and those that it may have."""
_NO_USER = """
    anonymous deleted everyone guest here me myself nobody null none nil removed self undefined unknown you
"""
"""What programs show for no user."""
RESERVED = frozenset((_SPEAKS_FOR_THE_SERVICE + _PATHS + _NO_USER).split())
"""Compared by keys, without dots, dashes and underscores."""
OWN = "stagedoor"
"""No name may contain it."""

_WRITING_SYSTEMS = tuple(
    frozenset(scripts.split()) for scripts in ("LATIN HAN HIRAGANA KATAKANA", "LATIN HAN HANGUL", "LATIN HAN BOPOMOFO")
)
"""Scripts that one word may mix. All others come alone (TR 39, "highly restrictive")."""
_ANY_SCRIPT = {"COMMON", "INHERITED"}
_LETTERS = {"Lu", "Ll", "Lt", "Lo", "Nd"}
_MARKS = {"Mn", "Mc"}
_BESIDE = "._-ー"
_SEPARATORS = re.compile(r"[._\-]")


class InvalidUsername(ControlPlaneError):
    code = "invalid_username"
    kind = ErrorKind.REFUSED


class UsernameChangedTooOften(ControlPlaneError):
    code = "username_changed_too_often"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__(
            f"You can change your username {CHANGES} times in {CHANGES_WITHIN.days} days. Please try again later."
        )


def check_username(username: str, *, by_operator: bool = False) -> str:
    """The username in its normal form, in which it is stored. `by_operator`: reserved words are allowed. Raises
    InvalidUsername."""
    name = unicodedata.normalize("NFKC", username)
    if not 1 <= len(name) <= LONGEST or not _has_allowed_characters(name):
        raise InvalidUsername(
            f"A username has 1 to {LONGEST} letters, digits, dots, dashes and underscores, and no spaces."
        )
    if name.isdigit():  # digits of any script
        raise InvalidUsername("A username must not be a number, because numbers are user ids.")
    if not any(unicodedata.category(character) in _LETTERS for character in name) or name[0] == "." or name[-1] == ".":
        raise InvalidUsername("A username needs a letter or digit, and no dot at its beginning or end.")
    if not _is_one_writing_system(name):
        raise InvalidUsername("A username must not mix letters or digits of different scripts.")
    if not by_operator and _is_reserved(name):
        raise InvalidUsername("This username is reserved. Please choose another one.")
    return name


def folded(username: str) -> str:
    """The name without case: what lookups compare."""
    name = unicodedata.normalize("NFKC", username).casefold()
    return unicodedata.normalize("NFKC", name)


def keys(username: str) -> list[str]:
    """What the name looks like in lower case, and as it is written: a capital I looks like a small l."""
    name = unicodedata.normalize("NFKC", username)
    return sorted({folded(skeleton(folded(name))), folded(skeleton(name))})


async def is_free(database: Database, username: str, user_id: UserId | None = None) -> bool:
    """Whether a new user, or this one, may take the name. Raises InvalidUsername."""
    name = check_username(username)
    return not await store.is_taken(database, name, keys(name), user_id)


async def change(connection: Connection, user_id: UserId, username: str) -> None:
    """Change the user's name, and keep the former one for KEPT. The verified badge vouched for the former name, and is
    taken away. Another case of the same name is no change. Raises InvalidUsername, AlreadyTaken,
    UsernameChangedTooOften and UserNotFound; the transaction is then aborted."""
    former = await store.lock(connection, user_id)
    if username == former:
        return
    name = check_username(username)
    is_another = folded(name) != folded(former)
    if is_another and await store.changes(connection, user_id, CHANGES_WITHIN) >= CHANGES:
        raise UsernameChangedTooOften
    await store.rename(connection, user_id, name, is_another=is_another)
    await store.take(connection, user_id, folded(name), keys(name))
    if is_another:
        await store.keep_former(connection, user_id, former, keys(name), KEPT)


async def record_names(database: Database) -> None:
    """Record the owners of names that no sign-up recorded, such as those of an earlier release. Of names that are too
    alike, the one with the lower id is recorded."""
    after = UserId(0)
    while users := await store.unrecorded(database, after, UNCLAIMED):
        async with database.transaction() as connection:
            for user_id, username in users.items():
                await store.record(connection, user_id, folded(username), keys(username))
        after = max(users)


@job(every="41 2 * * *")
async def keep_usernames(database: Database) -> None:
    """Free former names whose time is over."""
    await record_names(database)
    await store.free_former(database)


def _has_allowed_characters(name: str) -> bool:
    marks = 0
    for character in name:
        category = unicodedata.category(character)
        if category in _MARKS and _script(character) not in _ANY_SCRIPT:
            marks += 1
        elif category in _LETTERS or character in _BESIDE:
            marks = 0
        else:
            return False
        if marks > MOST_MARKS:
            return False
    return unicodedata.category(name[0]) not in _MARKS


def _is_one_writing_system(name: str) -> bool:
    if name.isascii():
        return True
    zeros = {ord(digit) - unicodedata.decimal(digit) for digit in name if digit.isdecimal()}
    scripts = {_script(character) for character in name} - _ANY_SCRIPT
    return len(zeros) <= 1 and (len(scripts) <= 1 or any(scripts <= system for system in _WRITING_SYSTEMS))


def _script(character: str) -> str:
    from confusable_homoglyphs.categories import alias  # takes a while to import

    script: str = alias(character)
    return script


def _is_reserved(name: str) -> bool:
    looks = {_SEPARATORS.sub("", key) for key in keys(name)}
    return not looks.isdisjoint(_reserved_looks()) or any(folded(skeleton(OWN)) in look for look in looks)


@functools.cache
def _reserved_looks() -> frozenset[str]:
    return frozenset(folded(skeleton(word)) for word in RESERVED)
