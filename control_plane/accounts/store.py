"""SQL of users and sign-in identities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg
import msgspec

from control_plane.accounts import session_store, usernames_store
from control_plane.accounts.caller import Role
from control_plane.accounts.user import (
    AlreadyTaken,
    Identity,
    NewUser,
    OwnUser,
    PrivacySettings,
    PushSettings,
    User,
)
from control_plane.accounts.usernames import folded, keys
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row

COLUMNS = f"""
    u.id, u.username, u.first_name, u.last_name, u.gender, u.bio, u.website, u.dob, u.email, u.phone, u.social, u.social_id,
        u.profile_pic, u.profile_pic_small, u.profile_gif, u.profile_video, u.role, u.verified, u.private, u.country,
        u.city, u.referral_code, u.device_token, u.banned_at, u.created_at, u.profile_view,
        exists (select from verification_request where user_id = u.id and decided_at is null) as verification_applied,
        p.likes, p.comments, p.new_followers, p.mentions, p.direct_messages, p.video_updates,
        s.videos_download, s.direct_message, s.duet, s.liked_videos, s.video_comment, s.found_by_contacts,
        {value_of("user.videos", "u.id")} as video_count,
        {value_of("user.unseen_visits", "u.id")} as unseen_visits,
        {value_of("user.followers", "u.id")} as followers,
        {value_of("user.following", "u.id")} as following,
        {value_of("user.likes", "u.id")} as likes_received,
        exists (
            select from video where user_id = u.id and story and state = 'ready' and created_at > now() - interval '24 hours'
        ) as has_stories
"""
"""What `user_of` reads. For the statements of other folders that show users, too."""
FROM = """
    from app_user u
    join push_setting p on p.user_id = u.id
    join privacy_setting s on s.user_id = u.id
"""
_SELECT = f"select {COLUMNS} {FROM}"
_OWN = f"""
    {COLUMNS},
    (select coalesce(sum(balance), 0)::bigint from ledger_account
     where owner_id = u.id and kind in ('bought', 'earned', 'reward')) as coins,
    coalesce((select coins from coins_received where user_id = u.id), 0) as received,
    coalesce((select shown from payout_detail where user_id = u.id), '') as payout_address,
    {value_of("user.unread", "u.id")} as unread
"""
"""With the wallet in the same statement: a second one costs each call that shows an own profile a round trip."""
_OWN_BY_ID = f"select {_OWN} {FROM} where u.id = $1 and u.deleted_at is null"
_OWN_BY_IDENTITY = f"""
    select {_OWN}, u.deleted_at is not null as deleted {FROM}
    where u.id = (select user_id from user_identity where provider = $1 and subject = $2)
"""
_BY_ID = _SELECT + "where u.id = $1 and u.deleted_at is null"
_BY_IDS = _SELECT + "where u.id = any($1::integer[]) and u.deleted_at is null"
_HOLDER = """
    select coalesce(
        (select id from app_user where lower(username) = lower($1)),
        (select user_id from username_owner where name = $2 and (until is null or until > now()) limit 1))
"""
_ID_BY_USERNAME = "select id from app_user where lower(username) = lower($1)"
_BY_CONTACTS = """
    select u.id from app_user u join privacy_setting s on s.user_id = u.id
    where u.id in (
            select id from app_user where phone = any($2)
            union all select user_id from user_identity where provider = 'facebook' and subject = any($3))
        and u.id <> $1 and s.found_by_contacts
    order by u.id
"""
_BY_IDENTITY = "select user_id from user_identity where provider = $1 and subject = $2"
_BY_CONTACT = """
    select id from app_user where lower(email) = nullif($1, '') or phone = nullif($2, '')
    order by lower(email) = nullif($1, '') desc nulls last limit 1
"""
_CREATE = """
    with person as (
        insert into app_user (username, first_name, last_name, gender, dob, email, phone, password_hash, social, social_id,
            profile_pic, referral_code, device_token)
        values ($1, $2, $3, $4, $5, nullif($6, ''), nullif($7, ''), $8, $9, $10, $11, $12, $13)
        returning id
    ), push as (insert into push_setting (user_id) select id from person
    ), privacy as (insert into privacy_setting (user_id) select id from person
    ), identity as (
        insert into user_identity (provider, subject, user_id)
        select provider, subject, id from person, unnest($14::text[], $15::text[]) as way (provider, subject)
    )
    select id from person
"""
_ADD_IDENTITY = """
    insert into user_identity (provider, subject, user_id)
    select $1, $2, id from app_user
    where id = $3 and (lower(email) = nullif($4, '') or phone = nullif($5, ''))
        and not exists (select from user_identity where provider = $1 and user_id = $3)
    for share of app_user
    on conflict do nothing
"""
_NEW_HASH = "update app_user set password_hash = $2 where id = $1 and removed_at is null returning id"
_SET_ROLE = "update app_user set role = $2 where id = $1 and role <> $2 returning id"
_REMOVE_IDENTITY = """
    delete from user_identity where provider = $1 and subject = $2 and created_at < $3 returning user_id
"""
_COMPLETE_DEMO_PERSON = """
    update app_user set bio = $2, website = $3, city = $4, country = $5, verified = $6, private = $7, created_at = $8
    where id = $1
"""
_OVERVIEW = """
    select id, username, email, role, created_at, banned_at, deleted_at, removed_at from app_user
    where $2::bigint is null or id < $2 order by id desc limit $1
"""
_EDIT = """
    update app_user set first_name = coalesce($2, first_name), last_name = coalesce($3, last_name), gender = coalesce($4, gender),
        bio = coalesce($5, bio), website = coalesce($6, website), dob = coalesce(dob, $7), profile_pic = coalesce($8, profile_pic),
        private = coalesce($9, private), profile_view = coalesce($10, profile_view)
    where id = $1 returning id
"""
_USERNAMES = "select id, username from app_user where id = any($1)"
_EXISTS = "select exists (select from app_user where id = $1)"


_TAKEN = {
    "app_user_username": usernames_store.TAKEN,
    "app_user_email": "This email address is already registered.",
    "app_user_phone": "This phone number is already registered.",
    "user_identity_pkey": "These sign-in data belong to another account.",
}


class EditedProfile(NamedTuple):
    """None: unchanged."""

    first_name: str | None
    last_name: str | None
    gender: str | None
    bio: str | None
    website: str | None
    dob: dt.date | None
    """Set once: it replaces no other."""
    profile_pic: str | None
    private: bool | None
    profile_view: bool | None


def user_of(row: Row) -> User:
    return User(
        id=row["id"],
        username=row["username"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        gender=row["gender"],
        bio=row["bio"],
        website=row["website"],
        dob=row["dob"],
        email=row["email"] or "",
        phone=row["phone"] or "",
        social=row["social"],
        social_id=row["social_id"],
        profile_pic=row["profile_pic"],
        profile_pic_small=row["profile_pic_small"],
        profile_gif=row["profile_gif"],
        profile_video=row["profile_video"],
        role=Role(row["role"]),
        verified=row["verified"],
        private=row["private"],
        country=row["country"],
        city=row["city"],
        referral_code=row["referral_code"],
        device_token=row["device_token"],
        banned_at=row["banned_at"],
        created_at=row["created_at"],
        profile_view=row["profile_view"],
        verification_applied=row["verification_applied"],
        push=PushSettings(
            likes=row["likes"],
            comments=row["comments"],
            new_followers=row["new_followers"],
            mentions=row["mentions"],
            direct_messages=row["direct_messages"],
            video_updates=row["video_updates"],
        ),
        privacy=PrivacySettings(
            videos_download=row["videos_download"],
            direct_message=row["direct_message"],
            duet=row["duet"],
            liked_videos=row["liked_videos"],
            video_comment=row["video_comment"],
            found_by_contacts=row["found_by_contacts"],
        ),
        video_count=row["video_count"],
        unseen_visits=row["unseen_visits"],
        followers=row["followers"],
        following=row["following"],
        likes_received=row["likes_received"],
        has_stories=row["has_stories"],
    )


async def by_id(database: Database, user_id: UserId) -> User | None:
    row = await database.fetchrow(_BY_ID, user_id)
    return None if row is None else user_of(row)


async def by_ids(database: Database, user_ids: Sequence[UserId]) -> dict[UserId, User]:
    return {row["id"]: user_of(row) for row in await database.fetch(_BY_IDS, user_ids)}


def _own(row: Row | None) -> OwnUser | None:
    return (
        None
        if row is None
        else OwnUser(user_of(row), row["coins"], row["received"], row["unread"], row["payout_address"])
    )


async def own_by_id(database: Database, user_id: UserId) -> OwnUser | None:
    return _own(await database.fetchrow(_OWN_BY_ID, user_id))


async def own_by_identity(database: Database, identity: Identity) -> OwnUser | UserId | None:
    """Only the id if the user is deleted."""
    row = await database.fetchrow(_OWN_BY_IDENTITY, identity.provider, identity.subject)
    if row is not None and row["deleted"]:
        return UserId(row["id"])
    return _own(row)


class Overview(msgspec.Struct, frozen=True):
    """A user's row in `stagedoor users list`."""

    id: UserId
    username: str
    email: str
    role: str
    created_at: dt.datetime
    banned_at: dt.datetime | None
    deleted_at: dt.datetime | None
    removed_at: dt.datetime | None


async def overview(database: Database, limit: int, before: int | None = None) -> list[Overview]:
    """Newest first. `before`: only ids below it."""
    return [Overview(**row) for row in await database.fetch(_OVERVIEW, limit, before)]


async def usernames(source: Connection | Database, user_ids: Sequence[UserId]) -> dict[UserId, str]:
    return {row["id"]: row["username"] for row in await source.fetch(_USERNAMES, user_ids)}


async def holder_of_name(database: Database, username: str) -> UserId | None:
    """The user with this name in any case, else the user who had it until some days ago. Deleted users too."""
    if "\0" in username:  # the path of a page may have one, and PostgreSQL refuses it
        return None
    found: UserId | None = await database.fetchval(_HOLDER, username, folded(username))
    return found


async def id_by_username(database: Database, username: str) -> UserId | None:
    """Deleted users too."""
    found: UserId | None = await database.fetchval(_ID_BY_USERNAME, username)
    return found


async def ids_by_contacts(
    database: Database, searcher: UserId, phones: Sequence[str], facebook_ids: Sequence[str]
) -> list[UserId]:
    """The users with one of these phone numbers or Facebook ids, without the searcher and those who do not want to be
    found."""
    return [row["id"] for row in await database.fetch(_BY_CONTACTS, searcher, phones, facebook_ids)]


async def id_by_identity(database: Database, identity: Identity) -> UserId | None:
    found: UserId | None = await database.fetchval(_BY_IDENTITY, identity.provider, identity.subject)
    return found


async def create(connection: Connection, new: NewUser, identities: Sequence[Identity]) -> UserId:
    """Raises AlreadyTaken; the transaction is then aborted."""
    try:
        user_id: UserId = await connection.fetchval(
            _CREATE,
            new.username,
            new.first_name,
            new.last_name,
            new.gender,
            new.dob,
            new.email,
            new.phone,
            new.password_hash,
            new.social,
            new.social_id,
            new.profile_pic,
            new.referral_code,
            new.device_token,
            [identity.provider for identity in identities],
            [identity.subject for identity in identities],
        )
    except asyncpg.UniqueViolationError as error:
        raise AlreadyTaken(_TAKEN[str(error.constraint_name)]) from None
    await usernames_store.take(connection, user_id, folded(new.username), keys(new.username))
    return user_id


async def edit(connection: Connection, user_id: UserId, edited: EditedProfile) -> bool:
    """False: there is no such user."""
    return await connection.fetchval(_EDIT, user_id, *edited) is not None


async def id_by_contact(database: Database, email: str, phone: str) -> UserId | None:
    """The user with this email address, else with this phone number. An empty text fits no user."""
    if not email and not phone:
        return None
    found: UserId | None = await database.fetchval(_BY_CONTACT, email, phone)
    return found


async def add_identity(database: Database, identity: Identity, user_id: UserId, email: str, phone: str) -> None:
    """Add an identity whose provider verified this email address or phone number. No effect if the user has neither (any
    more), if the user has an identity of this provider already, or if the identity belongs to a user."""
    await database.execute(_ADD_IDENTITY, identity.provider, identity.subject, user_id, email, phone)


async def remove_identity(connection: Connection, identity: Identity, before: dt.datetime) -> UserId | None:
    """Delete the identity unless it was added after `before`. Returns its user; None: there is no such identity."""
    user_id: UserId | None = await connection.fetchval(_REMOVE_IDENTITY, identity.provider, identity.subject, before)
    return user_id


async def exists(connection: Connection, user_id: UserId) -> bool:
    return bool(await connection.fetchval(_EXISTS, user_id))


async def complete_demo_person(
    connection: Connection,
    user_id: UserId,
    *,
    bio: str,
    website: str,
    city: str,
    country: str,
    verified: bool,
    private: bool,
    created_at: dt.datetime,
) -> None:
    """Write what a user is not created with."""
    values = (bio, website, city, country, verified, private, created_at)
    await connection.execute(_COMPLETE_DEMO_PERSON, user_id, *values)


async def set_password(connection: Connection, user_id: UserId, password_hash: str, besides: str = "") -> bool:
    """Set the password and end every session except `besides`. False: there is no such user."""
    changed = await session_store.change(connection, user_id, _NEW_HASH, password_hash)
    if changed:
        await session_store.end_sessions(connection, user_id, besides)
    return changed


async def set_role(connection: Connection, user_id: UserId, role: Role) -> bool:
    """False: the user has that role already, or does not exist."""
    return await session_store.change(connection, user_id, _SET_ROLE, role.value)
