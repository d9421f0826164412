"""SQL of visits to profiles."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database

_VISIT = """
    insert into profile_visit (user_id, visitor_id)
    select $1, id from app_user where id = $2 and profile_view and exists (select from app_user where id = $1)
    on conflict (user_id, visitor_id) do update set visited_at = now(), seen = false
"""


async def record_visit(database: Database, user_id: UserId, visitor_id: UserId) -> None:
    """No effect if the visitor does not want visits to be seen."""
    await database.execute(_VISIT, user_id, visitor_id)
