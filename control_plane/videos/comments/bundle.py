"""The services of comments that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.videos.comments.likes import Likes
from control_plane.videos.comments.posting import CommentPosting
from control_plane.videos.comments.reading import Reading


@dataclass(frozen=True, slots=True)
class Comments:
    reading: Reading
    posting: CommentPosting
    likes: Likes
