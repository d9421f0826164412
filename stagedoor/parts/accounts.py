"""Opens accounts: sessions and sign-in."""

from __future__ import annotations

from control_plane.accounts.bundle import Accounts
from control_plane.accounts.profile_media import ProfileMedia
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.pictures.clips import Clips
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from stagedoor.parts.live import Live


def accounts(settings: Settings, secrets: Secrets, database: Database, live: Live, files: Files) -> Accounts:
    sessions = Sessions(secrets[Purpose.SESSION], database, settings.session_ttl_s)
    sessions.follow(live.bus)
    provers = [UnprovenClaims()] if settings.dev else []
    sign_in = SignIn(database, sessions, provers, believes_claims=settings.dev)
    clips = Clips(settings.uploads_dir)
    return Accounts(sessions, sign_in, ProfileMedia(database, files, Pictures(), clips))
