"""Opens reports: what can be reported, the queue, and what tells both sides. A domain whose things can be reported has a
line in `things_of`."""

from __future__ import annotations

from functools import partial

from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.accounts.profile_media import ProfileMedia
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered
from control_plane.reports import store
from control_plane.reports.appeals import Appeals
from control_plane.reports.bundle import Reports
from control_plane.reports.model import COMMENT, MESSAGE, STREAM, USER, VIDEO, Things
from control_plane.reports.reporting import Reporting
from control_plane.reports.telling import Telling
from control_plane.reports.things import comments, messages, streams, users, videos
from control_plane.storage.files import Files
from control_plane.streams.probing.thumbnails import Thumbnails
from stagedoor.parts.streams import media_directory


def things_of(settings: Settings, database: Database, files: Files, media: ProfileMedia) -> Things:
    thumbnails = Thumbnails(media_directory(settings), database)
    return {
        USER: users(database, media),
        STREAM: streams(database, files, thumbnails.file),
        MESSAGE: messages(database),
        VIDEO: videos(database),
        COMMENT: comments(database),
    }


def reports(
    settings: Settings, secrets: Secrets, database: Database, files: Files, opened_accounts: Accounts
) -> Reports:
    things = things_of(settings, database, files, opened_accounts.profile_media)
    return Reports(
        database,
        Reporting(database, files, things),
        Appeals(database, secrets[Purpose.SESSION], settings.evidence_days),
        Remembered(partial(store.reasons, database)),
    )


def telling(settings: Settings, opened: Reports, opened_accounts: Accounts, urls: Urls) -> Telling:
    return Telling(opened.database, opened_accounts.messenger, opened.appeals, settings.product_name, urls.appeal)
