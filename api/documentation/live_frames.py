"""The frames of the live socket, with examples."""

from __future__ import annotations

from api.documentation.described_frame import Frame
from api.live_socket.frames import Ack, Hello, SendGift, You, YouFrame
from api.sockets.frames import Auth, ErrorFrame
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.gifts.events import Combo, Gift, Person
from control_plane.live.audience import AudienceRole
from control_plane.live.figures import Gifter, Newcomer, Stats
from control_plane.live.snapshot import StreamView
from control_plane.streams.events import StatusChange, Summary
from control_plane.streams.model import EndReason, Status

TOP = Gifter(UserId(2), "ben", 31)
STREAM = StreamView(
    id=StreamId(1),
    user_id=UserId(1),
    status=Status.LIVE,
    title="Hello",
    started_at="2026-01-31T11:45:00.000Z",
    viewers=2,
    likes=0,
    coins=28,
    playback_url="https://live.example.com:8443/live/1/index.m3u8",
    top_gifters=[TOP],
)
GIFT = Gift(
    gift_id=1,
    title="Rose",
    icon="https://live.example.com/static/gifts/rose.svg",
    count=3,
    coins=3,
    sender=Person(UserId(2), "ben", ""),
    receiver_id=UserId(1),
    sender_total=31,
    combo=Combo("2-1", 3),
)

FROM_CLIENTS = (
    Frame("auth", Auth, "Sign in with a session token. Guests may send it at any time.", ("you",)),
    Frame("send_gift", SendGift, "Send a gift to the host. A repeated `id` sends no second gift.", ("ack", "error")),
)
TO_CLIENTS = (
    Frame(
        "hello",
        Hello,
        "The first frame: the state of the stream. Missed events follow at once.",
        examples=[Hello("h3Jq", Seq(6), recovered=False, stream=STREAM, you=You(None, AudienceRole.GUEST))],
    ),
    Frame("gift", Gift, "An event: a gift was sent.", is_event=True, examples=[GIFT]),
    Frame(
        "status",
        StatusChange,
        "An event: the stream is live, interrupted or has ended.",
        is_event=True,
        examples=[
            StatusChange(Status.LIVE),
            StatusChange(Status.INTERRUPTED, "publisher_lost"),
            StatusChange(Status.ENDED, EndReason.OWNER, Summary(duration_s=900, peak_viewers=12, coins=31, likes=0)),
        ],
    ),
    Frame(
        "stats",
        Stats,
        "Current figures, without `seq`, at most twice a second. They replace the ones before.",
        examples=[
            Stats(viewers=3, likes=0, coins=31, top_gifters=[TOP], joined=[Newcomer(UserId(3), "cleo")]),
        ],
    ),
    Frame(
        "you",
        YouFrame,
        "Your identity, after an `auth` that you sent after `hello`.",
        examples=[YouFrame(UserId(2), AudienceRole.VIEWER)],
    ),
    Frame("ack", Ack, "The gift was sent. `seq` is the number of its event.", examples=[Ack("tap-1", Seq(7))]),
    Frame(
        "error",
        ErrorFrame,
        "The frame was refused and had no effect, except perhaps after `database_unavailable`. The socket stays open.",
        examples=[
            ErrorFrame("tap-2", "not_enough_coins", "You do not have enough coins: 1 more is needed."),
            ErrorFrame(code="malformed", message="This frame is not valid JSON."),
        ],
    ),
)
