"""Opens storage: the place of files, their rows, and signed addresses."""

from __future__ import annotations

from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.storage.addresses import Addresses
from control_plane.storage.bundle import Stored
from control_plane.storage.files import Files
from control_plane.storage.model import Storage
from control_plane.storage.places import open_storage
from control_plane.storage.space import Space
from stagedoor.parts.streams import media_directory


def storage(settings: Settings) -> Storage:
    """Raises InvalidSettings."""
    return open_storage(settings.storage_url, media_directory(settings), settings.storage_public_url)


def stored(place: Storage, settings: Settings, secrets: Secrets, database: Database) -> Stored:
    space = Space(settings.data_dir, settings.disk_reserve)
    return Stored(Files(place, database), Addresses(secrets[Purpose.PLAYBACK]), space)
