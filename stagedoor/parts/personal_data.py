"""Opens the deletion, removal and export of accounts. A domain that keeps something about a person has a line in both lists."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.accounts import (
    devices,
    export_store,
    passwords_store,
    phone_book,
    session_store,
    usernames_store,
    verification_store,
)
from control_plane.accounts.bundle import Accounts
from control_plane.accounts.providers.apple import revoke_apple_token
from control_plane.base.ids import UserId
from control_plane.config.settings import Settings
from control_plane.content import store as content
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.gifts import store as gifts
from control_plane.inbox import store as inbox
from control_plane.inbox.model import shown_text
from control_plane.ledger import store as ledger
from control_plane.messages import personal_data as messages
from control_plane.messages.bundle import DirectMessages
from control_plane.operations import audit
from control_plane.payments import claims_store, store_accounts_store
from control_plane.payments import purchases_store as payments
from control_plane.payouts import store as payouts
from control_plane.personal_data import store as exports
from control_plane.personal_data.bundle import PersonalData
from control_plane.personal_data.deletion import Deletion
from control_plane.personal_data.export import Entry, Export, Part
from control_plane.personal_data.removal import Removal, Step
from control_plane.push import subscriptions_store as push
from control_plane.reports import store as reports
from control_plane.rewards import store as rewards
from control_plane.social import personal_data as social
from control_plane.streams import store as streams
from control_plane.streams.bundle import Streams
from control_plane.videos import personal_data as videos
from control_plane.videos.comments import removal_store as comments
from control_plane.videos.reactions import removal_store as reactions
from control_plane.videos.store import ids_seen
from control_plane.videos.views import removal_store as views


async def _inbox(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Entry]:
    """Without the words of videos that the user does not see, as the inbox itself shows it."""
    entries = await inbox.exported_entries(database, user_id, before, limit)
    seen = await ids_seen(database, user_id, [entry["video_id"] for entry in entries if entry["video_id"]])
    return [{**entry, "text": shown_text(entry["kind"], entry["text"], entry["video_id"], seen)} for entry in entries]


async def _revoke_apple_token(connection: Connection, user_id: UserId) -> None:
    await revoke_apple_token.enqueue(connection, user_id=user_id)


def removal_steps(opened_accounts: Accounts, direct_messages: DirectMessages) -> Sequence[Step]:
    """Before the user's own row, which `control_plane/accounts/store.py` clears."""
    return (
        videos.forget_person,
        streams.forget_person,
        content.forget_person,
        social.forget_person,
        direct_messages.changing.forget_person,
        inbox.forget_person,
        reports.forget_person,
        devices.forget_person,
        push.forget_person,
        phone_book.forget_searches,
        payments.forget_person,
        payouts.forget_person,
        rewards.forget_person,
        claims_store.forget_person,
        store_accounts_store.forget_person,
        exports.forget_exports,
        passwords_store.forget_person,
        opened_accounts.profile_media.remove,
        opened_accounts.verifications.forget,
        _revoke_apple_token,
    )


EXPORT_PARTS: Sequence[Part] = (
    Part("profile", whole=export_store.exported_profile),
    Part("settings", whole=export_store.exported_settings),
    Part("identities", whole=export_store.exported_identities),
    Part("username_changes", whole=usernames_store.exported_changes),
    Part("verification_requests", whole=verification_store.exported_requests),
    Part("sessions", whole=session_store.exported_sessions),
    Part("devices", whole=devices.exported),
    Part("browsers", whole=push.exported_browsers),
    Part("interests", whole=content.exported_interests),
    Part("follows", paged=social.exported_follows),
    Part("follow_requests", whole=social.exported_follow_requests),
    Part("blocks", paged=social.exported_blocks),
    Part("visits", paged=social.exported_visits),
    Part("inbox", paged=_inbox),
    Part("conversations", paged=messages.exported_conversations),
    Part("messages", paged=messages.exported_messages),
    Part("videos", paged=videos.exported_videos),
    Part("video_comments", paged=comments.exported_comments),
    Part("comment_likes", paged=comments.exported_likes),
    Part("video_likes", paged=reactions.exported_likes),
    Part("video_favourites", paged=reactions.exported_favourites),
    Part("video_reposts", paged=reactions.exported_reposts),
    Part("video_shares", paged=reactions.exported_shares),
    Part("video_views", paged=views.exported_views),
    Part("not_interested", paged=reactions.exported_not_interested),
    Part("streams", paged=streams.exported_streams),
    Part("gifts_sent", paged=gifts.exported_sent),
    Part("gifts_received", paged=gifts.exported_received),
    Part("purchases", paged=payments.exported_purchases),
    Part("payout_details", whole=payouts.exported_details),
    Part("payouts", paged=payouts.exported_payouts),
    Part("purchase_claims", paged=claims_store.exported_claims),
    Part("store_account", whole=store_accounts_store.exported_account),
    Part("ledger_entries", paged=ledger.exported_entries),
    Part("daily_checkins", whole=rewards.exported_checkins),
    Part("reports", paged=reports.exported_reports),
    Part("report_decisions", paged=reports.exported_decisions),
    Part("operator_acts", paged=audit.exported_acts),
)


def personal_data(
    settings: Settings,
    database: Database,
    opened_accounts: Accounts,
    opened_streams: Streams,
    direct_messages: DirectMessages,
) -> PersonalData:
    days = settings.deletion_days
    return PersonalData(
        Deletion(database, opened_accounts.sessions, opened_streams.lifecycle, days),
        Removal(database, days, removal_steps(opened_accounts, direct_messages)),
        Export(database, EXPORT_PARTS),
    )
