"""An embedded PostgreSQL 16, run as a child process.

It listens only on a Unix socket, in a directory that only our user can open. A process that can open it is the
server's role without a password, and needs one to be the owner of the tables.
"""

from control_plane.db.embedded.programs import EmbeddedPostgresFailed, Progress
from control_plane.db.embedded.server import EmbeddedPostgres, has_database, running_dsn, running_dsns

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresFailed", "Progress", "has_database", "running_dsn", "running_dsns"]
