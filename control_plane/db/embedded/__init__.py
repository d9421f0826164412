"""An embedded PostgreSQL 16 as our own child process.

It listens on a Unix socket only, in a folder that is ours alone; whoever can open that folder needs no password.
"""

from control_plane.db.embedded.programs import EmbeddedPostgresFailed, Progress
from control_plane.db.embedded.server import EmbeddedPostgres, running_dsn

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresFailed", "Progress", "running_dsn"]
