"""SQL that compares contents of videos with the rows of their files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from control_plane.db.connections import Connection
from control_plane.storage.model import FileName
from control_plane.videos.video import ContentId

_NAMES = "c.original, c.media, c.small, c.poster, c.preview, c.watermarked"
_WITHOUT_FILE = f"""
    select c.id, file.name from video_content c cross join lateral unnest(array[{_NAMES}]) as file (name)
    where file.name like 'private/%' and not exists (
        select from stored_file join file_use on file_id = stored_file.id
        where stored_file.name = file.name and stored_file.state = 'kept'
            and used_by like 'video_content/' || c.id || '/%')
    union all
    select id, '' from video_content where state = 'ready' and '' in (media, poster)
        or state = 'processing' and original = ''
    order by 1 limit $1
"""
_WITHOUT_CONTENT = f"""
    select stored_file.name from file_use join stored_file on stored_file.id = file_id
    left join video_content c on c.id::text = split_part(used_by, '/', 2)
    where used_by like 'video_content/%' and (c.id is null or stored_file.name not in ({_NAMES}))
    order by 1 limit $1
"""
_WITHOUT_VIDEO = """
    select id from video_content
    where created_at < now() - interval '1 hour' and not exists (select from video where content_id = video_content.id)
    order by 1 limit $1
"""
_NEWEST = f"""
    select c.id, file.name from (
        select * from video_content where id < $1 order by id desc limit $2) as c
    cross join lateral unnest(array[{_NAMES}]) as file (name)
    where file.name like 'private/%' order by 1 desc
"""


class NamedFile(NamedTuple):
    id: ContentId
    name: FileName
    """"": the content should have one more file than it has."""


async def without_file(connection: Connection, most: int) -> Sequence[NamedFile]:
    """Contents that name a file without a row, and contents without a file that they need."""
    return [NamedFile(**row) for row in await connection.fetch(_WITHOUT_FILE, most)]


async def without_content(connection: Connection, most: int) -> Sequence[FileName]:
    """Files that are kept for a content that is gone, or that does not name them."""
    return [row["name"] for row in await connection.fetch(_WITHOUT_CONTENT, most)]


async def without_video(connection: Connection, most: int) -> Sequence[ContentId]:
    """Contents that no video has, for an hour already."""
    return [row["id"] for row in await connection.fetch(_WITHOUT_VIDEO, most)]


async def newest(connection: Connection, before: int, contents: int) -> Sequence[NamedFile]:
    """The files of the newest contents with ids below `before`."""
    return [NamedFile(**row) for row in await connection.fetch(_NEWEST, before, contents)]
