"""Videos as tests write them, without uploads."""

from __future__ import annotations

CLIP = """
    insert into video_content (state, progress, media, poster, duration_ms, width, height)
    values ('ready', 100, 'v.mp4', 'v.jpg', 1000, 9, 16) returning id
"""
ADD_VIDEO = f"with clip as ({CLIP}) insert into video (user_id, content_id) select $1, id from clip returning id"
"""A ready video of the user $1."""


def clips(count: int | str) -> str:
    """The contents 1 to `count` of a database without videos. `count` may be SQL."""
    return f"""
        insert into video_content (state, progress, media, duration_ms, width, height)
        select 'ready', 100, 'v.mp4', 1000, 9, 16 from generate_series(1, {count});
    """
