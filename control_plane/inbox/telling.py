"""Tells users what others did: `tell` writes inbox entries in the transaction of their cause.

Call it last in that transaction, once: it locks the inboxes of the receivers, in the order of their ids, until the
commit. A cause with many receivers calls `tell_followers`, which enqueues jobs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_all_within
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox import store
from control_plane.inbox.groups import GROUPED, WITHIN
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.pushing import push_of
from control_plane.jobs.kind import job
from control_plane.push.queue import enqueue
from control_plane.social.followers_store import followers_to_push, notified_followers

AGAIN_AFTER = dt.timedelta(days=1)
"""An equal entry (same sender, kind and subject) is not repeated within this time. Longer: a real second event is not
told. Shorter: to follow and unfollow in turn fills the inbox."""
PERIOD = dt.timedelta(hours=1)
"""The time that the two limits below count in. Longer: a sender who met a limit waits for longer."""
MOST_IN_ONE_INBOX = 20
"""Entries of one sender in one inbox within PERIOD. More: one user can fill the inbox of another. Fewer: a friend who
likes ten videos in a row is not told completely."""
MOST_OF_ONE_SENDER = 500
"""Entries of one sender in all inboxes within PERIOD, without live starts. More: a script that follows many users
reaches more of them. Fewer: a user who accepts many requests is not told completely."""
KEPT = 500
"""Entries of one inbox; older ones are deleted. More: more rows of users who never read. Fewer: a star loses entries of the same day."""
LONGEST_TEXT = 200
"""Characters of what a user wrote. Longer: rows of a star's followers are larger. Shorter: a comment is cut earlier."""
BATCH = 1000
"""Followers told in one transaction. More: their inboxes are locked for longer. Fewer: more transactions."""
BATCH_S = 30.0
"""Deadline of such a transaction. Shorter: a slow disk makes the job start again."""


async def tell(connection: Connection, told: Told, receiver_ids: Sequence[UserId]) -> None:
    """Write entries for the receivers who may be told, and push: neither blocks the other, both are visible, the receiver
    has not turned the kind off, and the sender is within the limits."""
    told = msgspec.structs.replace(told, text=told.text[:LONGEST_TEXT])
    added = await record(connection, told, receiver_ids)
    if added:
        is_group = told.kind in GROUPED and len(added) == 1
        others = await store.others(connection, told, added[0], WITHIN) if is_group else 0
        await enqueue(connection, push_of(told, await store.sender(connection, told.sender_id), others), added)


async def retract(connection: Connection, kinds: Sequence[Kind], video_id: int, subject_ids: Sequence[int]) -> None:
    """Delete the entries of these kinds about what was deleted: they hold its text."""
    receivers = await store.delete_about(connection, kinds, video_id, subject_ids)
    if receivers:
        await notify_all_within(connection, Topic.PERSON, receivers)


async def record(connection: Connection, told: Told, receiver_ids: Sequence[UserId]) -> list[UserId]:
    """Like `tell`, without a push. Returns the receivers of new entries."""
    receivers = set(receiver_ids) - {told.sender_id}
    if not receivers or (told.kind is not Kind.LIVE and await _sent_too_many(connection, told.sender_id)):
        return []
    locked = await store.lock(connection, told.sender_id, list(receivers))
    added = await store.add(connection, told, locked, again_after=AGAIN_AFTER, period=PERIOD, most=MOST_IN_ONE_INBOX)
    if added:
        await store.cut(connection, added, KEPT)
        await notify_all_within(connection, Topic.PERSON, added)
    return added


async def _sent_too_many(connection: Connection, sender_id: UserId) -> bool:
    return await store.sent_since(connection, sender_id, PERIOD, MOST_OF_ONE_SENDER) >= MOST_OF_ONE_SENDER


async def tell_followers(connection: Connection, told: Told, once: str) -> None:
    """Enqueue the jobs that tell the followers who want to be told of the sender's posts and streams. `once`: a key; no
    second job with it is enqueued while the first one waits or runs."""
    arguments = msgspec.to_builtins(told)
    await push_to_followers.set(key=f"push-{once}").enqueue(connection, told=arguments)
    await tell_all_followers.set(key=once).enqueue(connection, told=arguments)


@dataclass(frozen=True, slots=True)
class Followers:
    """Inbox entries are written in batches: those of a star's followers are too many for one transaction."""

    database: Database
    batch: int = BATCH


@job(at_once=2, priority=1)
async def push_to_followers(followers: Followers, told: dict[str, Any]) -> None:
    """Queue the push messages of all followers in one statement: a star's followers wait for no inbox. A second run after a
    worker was killed may send a message twice; its tag lets a device show it once."""
    what = msgspec.convert(told, Told)
    async with followers.database.transaction(BATCH_S) as connection:
        if not await _stands(connection, what):
            return
        receivers = await followers_to_push(connection, what.sender_id)
        await enqueue(connection, push_of(what, await store.sender(connection, what.sender_id)), receivers)


@job(at_once=2)
async def tell_all_followers(followers: Followers, told: dict[str, Any]) -> None:
    """Write the inbox entries. A second run writes only those that the first one did not reach."""
    what, after = msgspec.convert(told, Told), UserId(0)
    while batch := await notified_followers(followers.database, what.sender_id, after, followers.batch):
        async with followers.database.transaction(BATCH_S) as connection:
            if not await _stands(connection, what):
                return
            await record(connection, what, batch)
        after = batch[-1]


async def _stands(connection: Connection, told: Told) -> bool:
    """A star's followers are told for minutes: the video may be deleted or made private meanwhile."""
    return not told.video_id or await store.lock_video(connection, told.video_id)
