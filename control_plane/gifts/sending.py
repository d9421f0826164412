"""Sending a gift. Coins, the gift's row and the event for viewers are written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from control_plane.accounts.age import Activity, Ages
from control_plane.accounts.user import UserNotFound
from control_plane.base.clock import utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import LARGEST_ID, GiftId, StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import Appending, EventLog
from control_plane.eventlog.types import EventType
from control_plane.gifts import store
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.events import Combo, Person
from control_plane.gifts.events import Gift as GiftEvent
from control_plane.gifts.gift import Gift, SentGift
from control_plane.gifts.metrics import GiftMetrics
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.ledger import amounts
from control_plane.ledger.account import Account, accounts_of, earned, reward
from control_plane.ledger.store import FoundTransfer, find_transfer, open_accounts
from control_plane.ledger.transfers import (
    Held,
    NotEnoughCoins,
    Operation,
    Posted,
    Request,
    fingerprint,
    hold,
    key_of,
    post,
    repeated,
)
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.streams.model import StreamOver

LARGEST_COUNT = 9999
"""Gifts in one call. Part of the API: the OpenAPI and AsyncAPI documents state it."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class GiftOrder:
    """A sender's request. The price comes from the catalogue, not from the client."""

    sender_id: UserId
    receiver_id: UserId
    gift_id: GiftId
    count: int
    stream_id: StreamId | None = None
    """The receiver's stream. None: the one that is running and open to the sender, else none: a plain gift."""


@dataclass(frozen=True, slots=True)
class GiftOutcome:
    sent: SentGift
    wallet: Wallet
    """The sender's current wallet."""
    replayed: bool
    """The gift was sent before with the same key; nothing was charged again."""


@dataclass(frozen=True, slots=True)
class _Sending:
    """What `_prepare` read for an order before its transaction."""

    sender: Person
    gift: Gift
    stream_id: StreamId | None


class Gifts:
    """`picture_url` makes a URL from a picture's file name."""

    def __init__(
        self,
        database: Database,
        event_log: EventLog,
        assortment: Assortment,
        picture_url: Callable[[str], str],
        metrics: GiftMetrics,
        ages: Ages = Ages(),  # noqa: B008  frozen
    ) -> None:
        self._database = database
        self._ages = ages
        self._metrics = metrics
        self._event_log = event_log
        self._assortment = assortment
        self._picture_url = picture_url

    async def send(self, order: GiftOrder, client_ref: str | None = None) -> GiftOutcome:
        """Send a gift, idempotent per sender and `client_ref`. A refusal changes nothing and does not use up the key.

        Raises InvalidGiftCount, GiftToOneself, UnknownGift, UserNotFound, ReceiverNotLive, TooYoung, AgeUnknown,
        StreamOver, NotEnoughCoins, TooManyCoins, IdempotencyConflict, InvalidClientRef and DatabaseUnavailable.
        """
        key = key_of(client_ref)
        if not 1 <= order.count <= LARGEST_COUNT:
            raise InvalidGiftCount
        if order.receiver_id == order.sender_id:
            raise GiftToOneself
        request = _request(order, key)
        try:
            sending = await self._prepare(order)
        except ControlPlaneError:
            # It may be a retry of a gift that was sent: the stream may have ended since, the gift may be inactive now,
            # and the first attempt may have spent the last coins.
            if client_ref is not None and (outcome := await self._sent_before(request)) is not None:
                return outcome
            raise
        try:
            outcome = await self._append(order, request, sending, sending.stream_id) if sending.stream_id else None
        except StreamOver:  # since it was read
            if order.stream_id is not None:
                raise
            outcome = None
        outcome = outcome or await self._send_plain(order, request, sending)
        if not outcome.replayed:
            self._metrics.sent(outcome.sent.coins)
        return outcome

    async def send_to_stream(
        self, sender_id: UserId, stream_id: StreamId, gift_id: GiftId, count: int, client_ref: str | None
    ) -> GiftOutcome:
        """Like `send`, to the owner of the stream. Also raises ReceiverNotLive when the stream does not exist."""
        if not 1 <= stream_id <= LARGEST_ID:
            raise ReceiverNotLive
        receiver_id = await store.owner_of(self._database, stream_id)
        if receiver_id is None:
            raise ReceiverNotLive
        order = GiftOrder(
            sender_id=sender_id, receiver_id=receiver_id, gift_id=gift_id, count=count, stream_id=stream_id
        )
        return await self.send(order, client_ref)

    async def _prepare(self, order: GiftOrder) -> _Sending:
        gift = (await self._assortment.gifts()).get(order.gift_id)
        if gift is None:
            raise UnknownGift
        if not 1 <= order.receiver_id <= LARGEST_ID:
            raise UserNotFound
        parties = await store.parties(self._database, order.sender_id, order.receiver_id)
        if parties is None or not parties.reachable:
            raise UserNotFound if order.stream_id is None else ReceiverNotLive
        if parties.stream_id is None and order.stream_id is not None:
            raise ReceiverNotLive
        if order.stream_id not in (None, parties.stream_id):
            raise StreamOver("This live stream has ended.")
        self._ages.check(Activity.SEND_GIFTS, parties.sender_dob, utc_now().date())
        if parties.coins < (
            coins := gift.coins * order.count
        ):  # refuse early, without using the stream's single writer
            raise NotEnoughCoins(coins - parties.coins)
        if not parties.can_earn:
            await open_accounts(self._database, [earned(order.receiver_id)])
        return _Sending(parties.sender, gift, parties.stream_id)

    async def _sent_before(self, request: Request) -> GiftOutcome | None:
        found = await find_transfer(self._database, request.user_id, request.operation, request.key)
        transfer_id = await repeated(self._database, request, found)
        if transfer_id is None:
            return None
        sent = await store.sent_by(self._database, transfer_id)
        return GiftOutcome(sent, await wallet(self._database, request.user_id), replayed=True)

    async def _send_plain(self, order: GiftOrder, request: Request, sending: _Sending) -> GiftOutcome:
        async with self._database.transaction() as connection:
            held = await hold(connection, request, _accounts(order))
            if held.repeats is not None:
                sent = await store.sent_by(connection, held.repeats)
                return GiftOutcome(sent, held.wallet(order.sender_id), replayed=True)
            coins = sending.gift.coins * order.count
            posted = await _pay(connection, held, order, coins)
            sent = await store.record_plain(
                connection,
                gift_id=sending.gift.id,
                count=order.count,
                coins=coins,
                sender_id=order.sender_id,
                receiver_id=order.receiver_id,
                transfer_id=posted.transfer_id,
            )
            told = Told(Kind.GIFT, order.sender_id, subject_id=sent.id, text=_described(sent))
            await tell(connection, told, [order.receiver_id])
        return GiftOutcome(sent, posted.wallet(order.sender_id), replayed=False)

    async def _append(self, order: GiftOrder, request: Request, sending: _Sending, stream_id: StreamId) -> GiftOutcome:
        accounts = _accounts(order)

        async def hold_and_transact(connection: Connection, appending: Appending) -> GiftOutcome:
            held = await hold(connection, request, accounts)
            return await self._transact(connection, appending, order, held, sending)

        return await self._event_log.append(stream_id, hold_and_transact, rows=accounts)

    async def _transact(
        self, connection: Connection, appending: Appending, order: GiftOrder, held: Held, sending: _Sending
    ) -> GiftOutcome:
        sender_id, receiver_id, gift = order.sender_id, order.receiver_id, sending.gift
        if held.repeats is not None:
            return GiftOutcome(await store.sent_by(connection, held.repeats), held.wallet(sender_id), replayed=True)
        if appending.closed:
            raise StreamOver("This live stream has ended.")
        coins = gift.coins * order.count
        posted = await _pay(connection, held, order, coins)
        sent, sender_total = await store.record(
            connection,
            stream_id=appending.stream_id,
            seq=appending.next_seq,
            gift_id=gift.id,
            count=order.count,
            coins=coins,
            sender_id=sender_id,
            receiver_id=receiver_id,
            transfer_id=posted.transfer_id,
        )
        event = GiftEvent(
            gift_id=gift.id,
            title=gift.title,
            icon=self._picture_url(gift.picture),
            count=order.count,
            coins=coins,
            sender=sending.sender,
            receiver_id=receiver_id,
            sender_total=sender_total,
            combo=Combo(id=f"{sender_id}-{gift.id}", count=1),
        )
        appending.add(EventType.GIFT, event)
        return GiftOutcome(sent, posted.wallet(sender_id), replayed=False)


def _accounts(order: GiftOrder) -> Sequence[Account]:
    return [*accounts_of(order.sender_id), earned(order.receiver_id), reward(order.receiver_id)]


async def _pay(connection: Connection, held: Held, order: GiftOrder, coins: int) -> Posted:
    return await post(
        connection, held, amounts.gift(held.wallet(order.sender_id), order.sender_id, order.receiver_id, coins)
    )


def _described(sent: SentGift) -> str:
    return sent.title if sent.count == 1 else f"{sent.count} × {sent.title}"


def _request(order: GiftOrder, key: str) -> Request:
    async def same(source: Connection | Database, found: FoundTransfer) -> bool:
        """Whether a retry through another entry point asks for the same gift. `sendGift` may name only the receiver,
        the live socket names the stream; if both attempts name a stream, it must be the same one."""
        stream_id = order.stream_id or (await store.sent_by(source, found.id)).stream_id
        return found.fingerprint in (_fingerprint(order, None), _fingerprint(order, stream_id))

    return Request(order.sender_id, Operation.GIFT, key, _fingerprint(order, order.stream_id), same=same)


def _fingerprint(order: GiftOrder, stream_id: StreamId | None) -> bytes:
    return fingerprint(receiver_id=order.receiver_id, gift_id=order.gift_id, count=order.count, stream_id=stream_id)
