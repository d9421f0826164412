"""Background jobs: the worker of this process, with every kind of job that there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.contract.platform import Platform
from control_plane.accounts.codes.delivery import CodeDelivery, delete_old_codes, deliver_code
from control_plane.accounts.expired_sessions import delete_expired_sessions
from control_plane.accounts.lookups import delete_old_lookups
from control_plane.accounts.notices_delivery import NoticeDelivery, delete_old_notices, deliver_notice
from control_plane.accounts.old_devices import delete_old_devices
from control_plane.accounts.passwords import delete_old_attempts
from control_plane.accounts.providers.apple import revoke_apple_token
from control_plane.accounts.suspensions import end_suspensions
from control_plane.accounts.usernames import keep_usernames
from control_plane.accounts.verifications import delete_decided_documents
from control_plane.base.workers import Workers
from control_plane.eventlog.retention import Retention, delete_old_events
from control_plane.gifts.combos import delete_old_combos
from control_plane.inbox.retention import (
    InboxRetention,
    delete_entries_of_video,
    delete_old_entries,
    delete_posts_of_video,
    hide_more_entries,
)
from control_plane.inbox.telling import Followers, push_to_followers, tell_all_followers
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.upkeep import delete_old_history
from control_plane.jobs.worker import Worker
from control_plane.ledger.check import check_ledger, check_new_entries
from control_plane.payments.due import PurchaseRetention, delete_old_claims, settle_purchases
from control_plane.payments.refunds import Refunds, find_all_refunds, find_refunds
from control_plane.payouts.resealing import Resealing, reseal_payout_addresses
from control_plane.payouts.telling import PayoutTelling, send_payout_letter, tell_old_address
from control_plane.personal_data.removal import remove_deleted_accounts
from control_plane.push.queue import send_pushes
from control_plane.reports.retention import Evidence, delete_old_evidence
from control_plane.reports.telling import Telling, send_letter, tell_appeal, tell_decision
from control_plane.social.follows import accept_requests
from control_plane.social.popular import rank_popular_users
from control_plane.social.visits import mark_visits_seen
from control_plane.storage.files import delete_file, finish_files
from control_plane.streams.probing.thumbnails import delete_old_thumbnails
from control_plane.videos.comments.telling import tell_comment, tell_comment_like
from control_plane.videos.deletion import remove_deleted_videos
from control_plane.videos.processing.encoder import Encoder
from control_plane.videos.processing.job import give_up_contents, process_content, process_large_content
from control_plane.videos.processing.processor import Processor
from control_plane.videos.processing.telling import tell_of_post
from control_plane.videos.processing.watermark import Watermarker, watermark_content
from control_plane.videos.reactions.reactions import tell_like
from control_plane.videos.uploads.resumable import expire_uploads
from control_plane.videos.views.retention import ViewRetention, delete_old_views
from stagedoor.parts.money import ledger_check


@asynccontextmanager
async def jobs(dsn: str, used: Platform, telling: Telling, workers: Workers) -> AsyncIterator[None]:
    settings, database, files, accounts = used.settings, used.database, used.stored.files, used.accounts
    sealer = used.payouts.sealer
    encoder = Encoder(settings.processing_dir, settings.ffmpeg, used.stored.space)
    await asyncio.to_thread(encoder.clear)
    processor = Processor(database, files, encoder)
    payout_telling = PayoutTelling(database, accounts.messenger, sealer, settings.product_name)
    kinds = [
        delete_old_thumbnails.bind(used.streams.prober.thumbnails),
        delete_old_events.bind(Retention(database, settings.event_log_days)),
        delete_old_combos.bind(database),
        push_to_followers.bind(Followers(database)),
        tell_all_followers.bind(Followers(database)),
        tell_like.bind(database),
        end_suspensions.bind(database),
        tell_decision.bind(telling),
        tell_appeal.bind(telling),
        send_letter.bind(telling),
        delete_old_evidence.bind(Evidence(database, files, settings.evidence_days)),
        delete_old_entries.bind(InboxRetention(database, settings.inbox_days)),
        hide_more_entries.bind(database),
        delete_entries_of_video.bind(database),
        delete_posts_of_video.bind(database),
        delete_old_history.bind(database),
        deliver_code.bind(CodeDelivery(accounts.codes, accounts.messenger, settings.product_name)),
        delete_old_codes.bind(accounts.codes),
        delete_expired_sessions.bind(database),
        remove_deleted_accounts.bind(used.personal_data.removal),
        deliver_notice.bind(NoticeDelivery(accounts.notices, accounts.messenger, settings.product_name)),
        delete_old_notices.bind(accounts.notices),
        delete_old_attempts.bind(accounts.passwords),
        delete_old_lookups.bind(accounts.lookups),
        revoke_apple_token.bind(accounts.apple_tokens),
        delete_file.bind(files),
        finish_files.bind(files),
        remove_deleted_videos.bind(used.videos.deletion),
        delete_old_views.bind(ViewRetention(database, settings.view_days)),
        delete_old_devices.bind(database),
        keep_usernames.bind(database),
        delete_decided_documents.bind(accounts.verifications),
        accept_requests.bind(used.social.follows),
        rank_popular_users.bind(database),
        mark_visits_seen.bind(database),
        tell_old_address.bind(payout_telling),
        send_payout_letter.bind(payout_telling),
        reseal_payout_addresses.bind(Resealing(database, sealer)),
        send_pushes.bind(used.pushing.sender),
        settle_purchases.bind(used.payments.due),
        find_refunds.bind(Refunds(database, used.payments.stores)),
        find_all_refunds.bind(Refunds(database, used.payments.stores)),
        delete_old_claims.bind(PurchaseRetention(database, settings.purchase_claim_days)),
        tell_comment.bind(database),
        tell_comment_like.bind(database),
        expire_uploads.bind(used.videos.resumable),
        check_new_entries.bind(ledger_check(database, dsn)),
        check_ledger.bind(ledger_check(database, dsn)),
        process_content.bind(processor),
        process_large_content.bind(processor),
        give_up_contents.bind(processor),
        tell_of_post.bind(database),
        watermark_content.bind(Watermarker(database, files, encoder, settings.product_name)),
    ]
    async with workers.running("jobs", Worker(database, dsn, kinds, JobMetrics(used.metrics)).run()):
        yield
