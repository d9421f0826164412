"""A server that answers but refuses the connection."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from control_plane.config.declare import InvalidSettings
from control_plane.db.pool import connect


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"path": "/nowhere"}, 'database "nowhere" does not exist'),
        ({"netloc": "nobody@"}, 'role "nobody" does not exist'),
    ],
)
async def test_being_turned_away_is_told_by_the_name_of_the_setting(dsn: str, change: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        await connect(urlsplit(dsn)._replace(**change).geturl())
    assert str(refused.value) == f"LIVE_DATABASE_URL: {why}."
