"""Gifts and streams: what the machine does, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import GiftId, StreamId, UserId
from control_plane.gifts.sending import GiftOrder, GiftOutcome, GiftToOneself, ReceiverNotLive
from control_plane.ledger.transfers import IdempotencyConflict, Operation
from control_plane.streams.model import StreamOver
from tests.control_plane.money import rules
from tests.control_plane.money.bank import Bank, GiftRow

PRICES = {1: 1, 2: 5, 3: 10, 7: 99}
"""Of some gifts of the catalogue, by id."""
_NO_STREAM = StreamId(999_999)


class Into(StrEnum):
    """The stream that the sender names."""

    OPEN = "none"
    RUNNING = "that of the receiver"
    ENDED = "one of the receiver that has ended"
    OTHER = "the sender's own"


@dataclass(frozen=True)
class Give:
    process: int
    sender: UserId
    receiver: UserId
    gift_id: int
    count: int
    into: Into = Into.OPEN
    names_receiver: bool = True
    key: str | None = None
    taps: bool = False
    """Without a key, in a session: equal calls that overlap in a process are one."""

    @property
    def price(self) -> int:
        return PRICES[self.gift_id] * self.count

    def named(self, bank: Bank) -> StreamId | None:
        """As the sender knows it when the step begins."""
        match self.into:
            case Into.OPEN:
                return None
            case Into.RUNNING:
                return bank.were_running.get(self.receiver, _NO_STREAM)
            case Into.ENDED:
                return bank.had_ended.get(self.receiver, _NO_STREAM)
            case Into.OTHER:
                return bank.were_running.get(self.sender, _NO_STREAM)

    async def perform(self, bank: Bank) -> GiftOutcome:
        named = self.named(bank)
        is_theirs = named not in (None, _NO_STREAM) and self.into is not Into.OTHER and self.sender != self.receiver
        order = GiftOrder(
            sender_id=self.sender,
            receiver_id=None if is_theirs and not self.names_receiver else self.receiver,
            gift_id=GiftId(self.gift_id),
            count=self.count,
            stream_id=named,
        )
        session_id = f"session of {self.sender}" if self.taps and self.key is None else ""
        return await bank.processes[self.process].stage.gifts.send(order, self.key, session_id)

    def judge(self, bank: Bank, outcome: object) -> None:
        if isinstance(outcome, GiftOutcome):
            self._judge_sent(bank, outcome)
        else:
            assert isinstance(outcome, ControlPlaneError)
            assert (outcome.code, str(outcome)) in [(refusal.code, str(refusal)) for refusal in self._refusals(bank)]

    def _judge_sent(self, bank: Bank, outcome: GiftOutcome) -> None:
        sent, named, gift = outcome.sent, self.named(bank), bank.gifts[outcome.sent.id]
        assert (sent.sender_id, sent.receiver_id, sent.gift_id, sent.count) == (
            *(self.sender, self.receiver, self.gift_id, self.count),
        )
        assert (sent.coins, sent.stream_id, sent.seq) == (self.price, gift.stream_id, gift.seq)
        if outcome.replayed:
            assert self._first(bank) is gift
            assert self._repeats(bank, gift)
            assert outcome.wallet in bank.wallets(self.sender)
            return
        transfer = bank.unclaimed.pop(gift.transfer_id, None)
        if transfer is None:
            assert (self.taps, gift.step) == (True, bank.steps), "two calls are answered with one gift"
            return
        assert (transfer.user_id, transfer.operation) == (self.sender, Operation.GIFT)
        assert self.key in (None, transfer.key)
        assert gift.stream_id in ([named] if named else bank.streams_of(self.receiver))
        gift.named = named
        bps = bank.processes[self.process].commission_bps
        purse = transfer.before[self.sender]
        assert rules.gift_refused(purse, self.price) is None
        assert transfer.legs == rules.given(purse, self.sender, self.receiver, self.price, bps)
        assert outcome.wallet == transfer.after

    def _first(self, bank: Bank) -> GiftRow | None:
        """The gift that was sent with this key."""
        transfer = bank.transfers.get((self.sender, Operation.GIFT, self.key or ""))
        return None if transfer is None else next(g for g in bank.gifts.values() if g.transfer_id == transfer.id)

    def _repeats(self, bank: Bank, first: GiftRow | None) -> bool:
        """Whether it is the same request. If only one of the two names a stream, it is the one that the gift went into, or
        the first one went wherever the receiver was."""
        if first is None:
            return False
        same = (first.receiver_id, first.gift_id, first.count) == (self.receiver, self.gift_id, self.count)
        return same and first.named in (None, self.named(bank) or first.stream_id)

    def _refusals(self, bank: Bank) -> list[ControlPlaneError]:
        """What may be answered, for each state of the world during the step."""
        if self.sender == self.receiver:
            return [GiftToOneself()]
        first, named = self._first(bank), self.named(bank)
        refusals: list[ControlPlaneError] = []
        if first is not None:
            refusals += [] if self._repeats(bank, first) else [IdempotencyConflict()]
            if first.step < bank.steps:
                return refusals
        streams = bank.streams_of(self.receiver)
        over = StreamOver("This live stream has ended.")
        for running in streams:
            if named and running is None:
                refusals.append(ReceiverNotLive())
            elif named and named != running:
                refusals.append(over)
            else:
                refused = [rules.gift_refused(purse, self.price) for purse in bank.wallets(self.sender)]
                refusals += [refusal for refusal in refused if refusal]
        return refusals + ([over] if len(set(streams)) > 1 else [])


@dataclass(frozen=True)
class StartOrEnd:
    """A stream of the user starts, or the running one ends."""

    process: int
    user: UserId

    async def perform(self, bank: Bank) -> None:
        if self.user in bank.changing:
            return
        bank.changing.add(self.user)
        stage = bank.processes[self.process].stage
        if (stream_id := bank.were_running.get(self.user)) is None:
            bank.running[self.user] = await stage.go_live(self.user)
        else:
            await stage.end(stream_id)
            del bank.running[self.user]
            bank.ended[self.user] = stream_id

    def judge(self, bank: Bank, outcome: object) -> None:
        assert outcome is None
