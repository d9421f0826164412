"""The push services that endpoints, pages and jobs use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.push.logged import PushLog
from control_plane.push.sender import Sender
from control_plane.push.web.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Pushing:
    sender: Sender
    subscriptions: Subscriptions
    logged: PushLog
    """What was not sent, because this is development mode without a push service."""
