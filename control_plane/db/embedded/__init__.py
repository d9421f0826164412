"""An embedded PostgreSQL 16, run as a child process.

It listens only on a Unix socket, in a directory that only our user can open. A process that can open it needs no
password.
"""

from control_plane.db.embedded.programs import EmbeddedPostgresFailed, Progress
from control_plane.db.embedded.server import EmbeddedPostgres, has_database, running_dsn

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresFailed", "Progress", "has_database", "running_dsn"]
