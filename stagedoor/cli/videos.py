"""`stagedoor videos`: uploads that are processed or have failed, and the removal of videos."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from control_plane.accounts import store as accounts
from control_plane.base.clock import utc_now
from control_plane.base.ids import LARGEST_ID
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.videos import operators_store as store
from control_plane.videos.operators_store import ShownVideo
from control_plane.videos.video import VideoId
from stagedoor.cli.at_work import actor, user_id_of
from stagedoor.cli.database import with_database
from stagedoor.cli.streams import age
from stagedoor.cli.terminal import Commands, Yes, columns, confirm, out

# The commands that change something import the acts themselves, because the job queue is slow to import.

VideoArgument = Annotated[
    int, typer.Argument(metavar="VIDEO", min=1, max=LARGEST_ID, help="Id, as shown by `stagedoor videos list`.")
]
VideoArguments = Annotated[
    list[int], typer.Argument(metavar="VIDEO…", min=1, max=LARGEST_ID, help="Ids, as shown by `stagedoor videos list`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Shown(StrEnum):
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


def list_videos(
    state: Annotated[Shown | None, typer.Option(help="Only videos in this state.")] = None,
    user: Annotated[str, typer.Option(help="Only videos of this user.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Number of videos.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List videos, newest first."""

    async def print_videos(database: Database, settings: Settings) -> None:
        user_id = await user_id_of(database, user) if user else None
        found = await store.latest(database, limit, None if state is None else state.value, user_id)
        if as_json:
            typer.echo(msgspec.json.encode([video._asdict() for video in found]))
            return
        usernames = await accounts.usernames(database, list({video.user_id for video in found}))
        table = columns("video", "user", "state", "age", "size", "seconds", "description")
        for video in found:
            table.add_row(
                str(video.id),
                usernames.get(video.user_id, str(video.user_id)),
                _state(video),
                age((utc_now() - video.created_at).total_seconds()),
                f"{video.width}x{video.height}",
                f"{video.duration_ms / 1000:.1f}",
                video.description,
            )
        out.print(table if found else "There is no such video.", highlight=False, markup=False)

    with_database(print_videos)


def show(video_id: VideoArgument, as_json: AsJson = False) -> None:
    """Show one video, also a deleted one."""
    from control_plane.operations import videos

    async def print_video(database: Database, settings: Settings) -> None:
        video = await videos.get(database, VideoId(video_id))
        if as_json:
            typer.echo(msgspec.json.encode(video._asdict()))
            return
        usernames = await accounts.usernames(database, [video.user_id])
        table = columns("", "")
        shown = {
            "video": str(video.id),
            "user": f"{usernames.get(video.user_id, '')} (user {video.user_id})",
            "state": _state(video),
            "privacy": video.privacy,
            "posted": f"{video.created_at:%Y-%m-%d %H:%M:%S} UTC",
            "deleted": f"{video.deleted_at:%Y-%m-%d %H:%M:%S} UTC" if video.deleted_at else "no",
            "content": f"{video.content_id}, uploaded with {video.bytes} bytes",
            "size": f"{video.width}x{video.height}, {video.duration_ms / 1000:.1f} s",
            "description": video.description,
        }
        for name, value in shown.items():
            table.add_row(name, value)
        out.print(table, highlight=False, markup=False)

    with_database(print_video)


def retry(video_ids: VideoArguments) -> None:
    """Make the files of a video again that has failed, or that no server could convert."""
    from control_plane.operations import videos

    async def retry_videos(database: Database, settings: Settings) -> None:
        for video_id in video_ids:
            await videos.retry(database, actor(), VideoId(video_id))
            out.print(f"The server processes video {video_id} again.", highlight=False)

    with_database(retry_videos)


def remove(
    video_id: VideoArgument,
    reason: Annotated[str, typer.Option(help="Why; for the audit log.")] = "",
    yes: Yes = False,
) -> None:
    """Remove a video for all, with those of equal uploads. The same file is refused from now on."""
    from control_plane.operations import videos

    async def remove_video(database: Database, settings: Settings) -> None:
        video = await videos.get(database, VideoId(video_id))
        usernames = await accounts.usernames(database, [video.user_id])
        name = usernames.get(video.user_id, f"user {video.user_id}")
        confirm(f"Remove video {video_id} of {name}, and all of equal uploads?", yes=yes)
        await videos.remove(database, actor(), VideoId(video_id), reason)
        out.print(f"Video {video_id} is removed.", highlight=False)

    with_database(remove_video)


def _state(video: ShownVideo) -> str:
    if video.state == Shown.PROCESSING:
        return f"processing, {video.progress} %"
    return f"failed: {video.failure}" if video.state == Shown.FAILED else video.state


COMMANDS: Commands = {"list": list_videos, "show": show, "retry": retry, "remove": remove}
