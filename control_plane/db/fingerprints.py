"""Fingerprints of the secrets that a database was used with. A server with other secrets must not start on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from control_plane.config.secrets import Secrets, UnusableSecrets
from control_plane.db.connections import Connection
from control_plane.db.pool import Database

_KNOWN = "select purpose, key_id, fingerprint from secret_fingerprint"
_REMEMBER = """
    insert into secret_fingerprint (purpose, key_id, fingerprint) values ($1, $2, $3)
    on conflict (purpose, key_id) do update set fingerprint = excluded.fingerprint
"""
_FORGET = "delete from secret_fingerprint where purpose = $1 and key_id <> all($2::text[])"

Known = Mapping[str, Collection[bytes]]
"""Fingerprints stored in a database, by purpose."""


async def known_fingerprints(connection: Connection) -> Known:
    known: dict[str, set[bytes]] = {}
    for row in await connection.fetch(_KNOWN):
        known.setdefault(row["purpose"], set()).add(row["fingerprint"])
    return known


def check_known(mine: Secrets, known: Known) -> None:
    """Raises UnusableSecrets when, for some purpose, the database knows secrets and none of ours is among them."""
    for purpose, ring in mine.keyrings.items():
        seen = known.get(purpose)
        if seen and not any(secret.fingerprint() in seen for secret in ring.secrets):
            raise UnusableSecrets(
                f"The secrets file does not belong to this database: its {purpose} secrets are unknown there. "
                "Restore the file that was used with the database, or set LIVE_SECRETS_FILE to it."
            )


async def check_against_database(mine: Secrets, database: Database) -> None:
    """Check our secrets, then store their fingerprints. Raises UnusableSecrets as `check_known` does."""
    async with database.transaction() as connection:
        check_known(mine, await known_fingerprints(connection))
        for purpose, ring in mine.keyrings.items():
            for secret in ring.secrets:
                await connection.execute(_REMEMBER, purpose.value, secret.key_id, secret.fingerprint())
            await connection.execute(_FORGET, purpose.value, [secret.key_id for secret in ring.secrets])
