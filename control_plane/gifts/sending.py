"""Sending a gift. Coins, the gift's row and the event for viewers are written in one transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial

import msgspec
from cachetools import LRUCache

from control_plane.accounts.age import Activity, Ages
from control_plane.accounts.user import OwnUser, UserNotFound
from control_plane.base.clock import utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind, InvariantBroken, present
from control_plane.base.ids import LARGEST_ID, GiftId, StreamId, UserId
from control_plane.base.shared_calls import SharedCalls
from control_plane.db.pool import Database
from control_plane.gifts import store
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.events import Person
from control_plane.gifts.gift import PreparedGift, SentGift
from control_plane.gifts.metrics import GiftMetrics
from control_plane.gifts.sending_store import Answer, Outcome
from control_plane.gifts.writer import GiftWriter
from control_plane.ledger.account import LARGEST_AMOUNT
from control_plane.ledger.store import find_transfer
from control_plane.ledger.transfers import (
    IdempotencyConflict,
    InDebt,
    NotEnoughCoins,
    Operation,
    TooManyCoins,
    fingerprint,
    key_of,
)
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.streams.model import StreamOver
from control_plane.videos import store as videos
from control_plane.videos.video import VideoId, VideoNotFound

LARGEST_COUNT = 9999
"""Gifts in one call. Part of the API: the OpenAPI and AsyncAPI documents state it."""
OWNERS = 10_000
"""Streams whose owner is remembered, about 100 bytes each. Fewer: more gifts look it up."""


class GiftToOneself(ControlPlaneError):
    code = "gift_to_oneself"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("You cannot send a gift to yourself.")


class InvalidGiftCount(ControlPlaneError):
    code = "invalid_gift_count"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__(f"gift_count must be from 1 to {LARGEST_COUNT}.")


class UnknownGift(ControlPlaneError):
    """The gift is not in the catalogue, or is no longer active."""

    code = "unknown_gift"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This gift is not available.")


class ReceiverNotLive(ControlPlaneError):
    """The named stream does not exist, or its owner has no running stream that the sender may watch."""

    code = "receiver_not_live"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This person is not live at the moment.")


class GiftOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A sender's request. The price comes from the catalogue, not from the client."""

    sender_id: UserId
    receiver_id: UserId | None
    """None: the owner of the stream or video."""
    gift_id: GiftId
    count: int
    stream_id: StreamId | None = None
    """The receiver's stream. None: the one that is running and open to the sender, else none: a plain gift."""
    video_id: VideoId | None = None
    """The receiver's video. The gift then goes into no stream."""


class GiftOutcome(msgspec.Struct, frozen=True):
    sent: SentGift
    wallet: Wallet
    """The sender's current wallet."""
    replayed: bool
    """The gift was sent before with the same key; nothing was charged again."""


OwnRecord = Callable[[UserId], Awaitable[OwnUser | None]]
"""The record of a user, which may be some seconds old. None: there is no such user."""


class Gifts:
    """`sender`: reads the sender's name, picture and age. `picture_url` makes a URL from a picture's file name."""

    def __init__(
        self,
        database: Database,
        writer: GiftWriter,
        assortment: Assortment,
        sender: OwnRecord,
        picture_url: Callable[[str], str],
        metrics: GiftMetrics,
        ages: Ages = Ages(),  # noqa: B008  frozen
    ) -> None:
        self._database = database
        self._writer = writer
        self._assortment = assortment
        self._sender = sender
        self._picture_url = picture_url
        self._metrics = metrics
        self._ages = ages
        self._owners: LRUCache[StreamId, UserId] = LRUCache(OWNERS)
        self._on_their_way = SharedCalls[tuple[str, GiftOrder], GiftOutcome]()

    async def send(self, order: GiftOrder, client_ref: str | None = None, session_id: str = "") -> GiftOutcome:
        """Send a gift, idempotent per sender and `client_ref`. A refusal changes nothing and does not use up the key.

        Without a key, equal orders of a session (`session_id`) share the outcome of the first one while it is on its way.
        Raises InvalidGiftCount, GiftToOneself, UnknownGift, UserNotFound, ReceiverNotLive, VideoNotFound, TooYoung,
        AgeUnknown, StreamOver, NotEnoughCoins, InDebt, TooManyCoins, IdempotencyConflict, InvalidClientRef, TooManyGifts
        and DatabaseUnavailable.
        """
        if client_ref is not None or not session_id:
            return await self._send(order, client_ref)
        return await self._on_their_way.run((session_id, order), partial(self._send, order, None))

    async def send_to_stream(
        self, sender_id: UserId, stream_id: StreamId, gift_id: GiftId, count: int, client_ref: str | None
    ) -> GiftOutcome:
        """Like `send`, to the owner of the stream. Also raises ReceiverNotLive when the stream does not exist."""
        order = GiftOrder(sender_id=sender_id, receiver_id=None, gift_id=gift_id, count=count, stream_id=stream_id)
        return await self.send(order, client_ref)

    async def _send(self, order: GiftOrder, client_ref: str | None) -> GiftOutcome:
        key = key_of(client_ref)
        if not 1 <= order.count <= LARGEST_COUNT:
            raise InvalidGiftCount
        if order.receiver_id == order.sender_id:
            raise GiftToOneself
        try:
            gift = await self._prepare(order, key)
        except ControlPlaneError:
            # It may be a retry of a gift that was sent: the gift may be inactive now, or the video be deleted.
            if client_ref is not None and (outcome := await self._sent_before(order, key)) is not None:
                return outcome
            raise
        answer = None if order.video_id else await self._writer.send(gift)
        if answer is None or answer.outcome is Outcome.PLAIN:
            answer = await self._writer.send_plain(gift)
        outcome = _outcome(order, gift.receiver_id, answer)
        if not outcome.replayed:
            self._metrics.sent(outcome.sent.coins)
        return outcome

    async def _prepare(self, order: GiftOrder, key: str) -> PreparedGift:
        """No look at the database, if the sender and the owner of the stream are known: the rest is checked where the gift is
        written."""
        receiver_id = await self._receiver_of(order)
        if receiver_id == order.sender_id:
            raise GiftToOneself
        gift = (await self._assortment.gifts()).get(order.gift_id)
        if gift is None:
            raise UnknownGift
        if not 1 <= receiver_id <= LARGEST_ID:
            raise UserNotFound
        sender = await self._sender(order.sender_id)
        if sender is None:
            raise UserNotFound
        self._ages.check(Activity.SEND_GIFTS, sender.user.dob, utc_now().date())
        if gift.coins * order.count > LARGEST_AMOUNT:
            raise TooManyCoins
        return PreparedGift(
            sender=Person(order.sender_id, sender.user.username, sender.user.profile_pic),
            receiver_id=receiver_id,
            stream_id=order.stream_id,
            video_id=order.video_id,
            gift=gift,
            icon=self._picture_url(gift.picture),
            count=order.count,
            key=key,
            fingerprint=_fingerprint(order, receiver_id, order.stream_id),
        )

    async def _receiver_of(self, order: GiftOrder) -> UserId:
        if order.video_id is not None:
            return await self._owner_of_video(order, order.video_id)
        if order.receiver_id is not None:
            return order.receiver_id
        if order.stream_id is None or not 1 <= order.stream_id <= LARGEST_ID:
            raise ReceiverNotLive
        owner_id = self._owners.get(order.stream_id) or await store.owner_of(self._database, order.stream_id)
        if owner_id is None:
            raise ReceiverNotLive
        self._owners[order.stream_id] = owner_id
        return owner_id

    async def _owner_of_video(self, order: GiftOrder, video_id: VideoId) -> UserId:
        found = await videos.seen_by_ids(self._database, order.sender_id, [video_id]) if video_id <= LARGEST_ID else {}
        if video_id not in found or order.receiver_id not in (None, found[video_id].user_id):
            raise VideoNotFound
        return found[video_id].user_id

    async def _sent_before(self, order: GiftOrder, key: str) -> GiftOutcome | None:
        found = await find_transfer(self._database, order.sender_id, Operation.GIFT, key)
        if found is None:
            return None
        sent = await store.sent_by(self._database, found.id)
        receiver_id = order.receiver_id or sent.receiver_id
        return _repeated(order, receiver_id, sent, found.fingerprint, await wallet(self._database, order.sender_id))


def _outcome(order: GiftOrder, receiver_id: UserId, answer: Answer) -> GiftOutcome:
    """Raises the refusal."""
    match answer.outcome:
        case Outcome.SENT:
            return GiftOutcome(present(answer.sent, "a sent gift has a row"), answer.wallet, replayed=False)
        case Outcome.REPEATS:
            sent = present(answer.sent, "a gift's transfer and its row are one transaction")
            found = present(answer.fingerprint, "a transfer has a fingerprint")
            return _repeated(order, receiver_id, sent, found, answer.wallet)
        case Outcome.HIDDEN:
            raise UserNotFound
        case Outcome.NO_VIDEO:
            raise VideoNotFound
        case Outcome.NOT_LIVE:
            raise ReceiverNotLive
        case Outcome.OVER:
            raise StreamOver("This live stream has ended.")
        case Outcome.IN_DEBT:
            raise InDebt(answer.missing)
        case Outcome.POOR:
            raise NotEnoughCoins(answer.missing)
        case Outcome.TOO_MANY:
            raise TooManyCoins
        case Outcome.PLAIN | Outcome.ALONE:
            raise InvariantBroken(f"the writer settles the outcome {answer.outcome}")


def _repeated(order: GiftOrder, receiver_id: UserId, sent: SentGift, found: bytes, current: Wallet) -> GiftOutcome:
    """`found`: the fingerprint of the first request. A retry through another entry point asks for the same gift: `sendGift`
    may name only the receiver, the live socket names the stream; if both attempts name a stream, it must be the same one.
    Raises IdempotencyConflict."""
    stream_id = order.stream_id or sent.stream_id
    if found not in (_fingerprint(order, receiver_id, None), _fingerprint(order, receiver_id, stream_id)):
        raise IdempotencyConflict
    return GiftOutcome(sent, current, replayed=True)


def _fingerprint(order: GiftOrder, receiver_id: UserId, stream_id: StreamId | None) -> bytes:
    return _fingerprint_of(receiver_id, order.gift_id, order.count, stream_id, order.video_id)


@lru_cache(maxsize=4096)  # many users send one host the same gift
def _fingerprint_of(
    receiver_id: UserId, gift_id: GiftId, count: int, stream_id: StreamId | None, video_id: VideoId | None
) -> bytes:
    return fingerprint(receiver_id=receiver_id, gift_id=gift_id, count=count, stream_id=stream_id, video_id=video_id)
