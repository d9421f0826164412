"""Codes by email and phone: how they are sent, entered and used, and their limits."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import math
from dataclasses import dataclass, field

import pytest

from control_plane.accounts.claims import Claims, Requester
from control_plane.accounts.codes import store as codes_store
from control_plane.accounts.codes.codes import (
    CONFIRMED,
    KEPT,
    LIFETIME,
    PER_DAY,
    PER_HOUR,
    PER_ORIGIN,
    RESEND,
    TRIES,
    ChannelMissing,
    Codes,
    Purpose,
    TextMessagesUsedUp,
    TooManyCodes,
    WrongCode,
)
from control_plane.accounts.codes.delivery import CodeDelivery, deliver_code
from control_plane.accounts.codes.metrics import CodeMetrics
from control_plane.accounts.codes.prover import ConfirmedContacts
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import NotRegistered, SignIn, SignInNotProven
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.messenger import Message
from control_plane.observe.metrics import Metrics
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import WatchedDatabase

ANN = Contact(Channel.EMAIL, "ann@example.com")
PHONE = Contact(Channel.PHONE, "+4915123456789")
CLIENT = Requester("192.0.2.1", "android")
SIGN_IN = Purpose.SIGN_IN
SMS_PER_DAY = 8
NO_METRICS = CodeMetrics(Metrics())


@dataclass
class Desk:
    """The codes of one server, on a clock that the test moves, and the messages that left it."""

    database: WatchedDatabase
    now: dt.datetime = field(default_factory=utc_now)
    messages: list[tuple[Contact, Message]] = field(default_factory=list)
    channels = frozenset(Channel)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.codes = Codes(
            self.database,
            b"s" * 32,
            self.channels,
            deliver_code,
            CodeMetrics(self.metrics),
            lambda: self.now,
            sms_per_day=SMS_PER_DAY,
        )

    async def send(self, to: Contact, message: Message) -> None:
        self.messages.append((to, message))

    async def deliver(self) -> list[str]:
        """Run the waiting jobs; the codes that were sent."""
        rows = await self.database.fetch("delete from pgqueuer returning id, entrypoint, payload")
        before = len(self.messages)
        for row in sorted(rows, key=lambda row: row["id"]):
            assert row["entrypoint"] == deliver_code.name
            await deliver_code.bind(CodeDelivery(self.codes, self, "Stagedoor")).run(row["payload"])
        return [message.subject[:6] for _, message in self.messages[before:]]

    async def code(self, contact: Contact = ANN, purpose: Purpose = SIGN_IN, user_id: UserId | None = None) -> str:
        """Ask for a code and read it, after the time between two codes has passed."""
        self.now += RESEND
        await self.codes.send(contact, purpose, CLIENT, user_id=user_id)
        (code,) = await self.deliver()
        return code

    async def open_id(self) -> int:
        """The id of the only open code."""
        (sent,) = await self.codes.newest(10)
        return sent.id


@pytest.fixture
def desk(database: WatchedDatabase) -> Desk:
    return Desk(database)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


async def test_a_code_is_sent_entered_and_used_once(desk: Desk) -> None:
    code = await desk.code()
    assert len(code) == 6
    assert code.isdigit()
    assert desk.messages[0][0] == ANN
    code_id = await desk.codes.confirm(ANN, SIGN_IN, f" {code}\n", CLIENT)
    assert await desk.codes.confirmed(ANN, SIGN_IN, CLIENT) == code_id
    async with desk.database.transaction() as connection:
        await desk.codes.use(connection, code_id)
    assert await desk.codes.confirmed(ANN, SIGN_IN, CLIENT) is None
    with pytest.raises(WrongCode):
        async with desk.database.transaction() as connection:
            await desk.codes.use(connection, code_id)
    with pytest.raises(WrongCode):
        await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)


async def test_neither_the_database_nor_the_job_holds_the_code(desk: Desk) -> None:
    for name in ("ann", "bob", "cid"):
        await desk.codes.send(Contact(Channel.EMAIL, f"{name}@example.com"), SIGN_IN, CLIENT)
    stored = await desk.database.fetchval("select string_agg(c::text, ' ') from contact_code c")
    queued = await desk.database.fetchval("select string_agg(convert_from(payload, 'utf8'), ' ') from pgqueuer")
    codes = await desk.deliver()
    assert len(codes) == 3
    # One may be there by chance, within a time or a hash: six digits are short.
    assert sum(code in stored for code in codes) < 2
    assert sum(code in queued for code in codes) < 2
    stranger = Codes(desk.database, b"another secret of 32 bytes length", frozenset(Channel), deliver_code, NO_METRICS)
    assert {stranger.text(sent) for sent in await desk.codes.newest(10)} != set(codes)


async def test_a_wrong_code_can_be_entered_five_times(desk: Desk) -> None:
    code = await desk.code()
    for _ in range(TRIES - 1):
        with pytest.raises(WrongCode):
            await desk.codes.confirm(ANN, SIGN_IN, other_than(code), CLIENT)
    await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)
    with pytest.raises(WrongCode):
        await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)


async def test_tries_at_the_same_time_are_all_counted(desk: Desk) -> None:
    code = await desk.code()
    await asyncio.gather(
        *(desk.codes.confirm(ANN, SIGN_IN, other_than(code), CLIENT) for _ in range(20)), return_exceptions=True
    )
    assert await desk.database.fetchval("select tries from contact_code") == TRIES
    with pytest.raises(WrongCode):
        await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)


@pytest.mark.parametrize("text", ["", "0", "1234567", "١٢٣٤٥٦", "abcdef", "é", "\x00"])
async def test_what_is_no_code_is_a_wrong_code(desk: Desk, text: str) -> None:
    await desk.code()
    with pytest.raises(WrongCode):
        await desk.codes.confirm(ANN, SIGN_IN, text, CLIENT)


async def test_a_code_expires(desk: Desk) -> None:
    code = await desk.code()
    desk.now += LIFETIME
    with pytest.raises(WrongCode):
        await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)


async def test_a_code_that_has_expired_is_not_sent(desk: Desk) -> None:
    await desk.codes.send(ANN, SIGN_IN, CLIENT)
    desk.now += LIFETIME
    assert await desk.deliver() == []


async def test_an_open_code_is_sent_again_and_lives_from_then(desk: Desk) -> None:
    code = await desk.code()
    desk.now += LIFETIME - 2 * RESEND
    assert await desk.code() == code
    desk.now += LIFETIME - 2 * RESEND
    await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)
    assert await desk.code() == code
    first = await desk.open_id()
    desk.now += LIFETIME
    await desk.code()
    assert await desk.open_id() != first


async def test_a_used_code_is_not_sent_again(desk: Desk) -> None:
    code_id = await desk.codes.confirm(ANN, SIGN_IN, await desk.code(), CLIENT)
    async with desk.database.transaction() as connection:
        await desk.codes.use(connection, code_id)
    await desk.code()
    assert await desk.open_id() != code_id


async def test_a_strangers_requests_void_no_code(desk: Desk) -> None:
    stranger = Requester("198.51.100.7", "ios")
    code = await desk.code()
    desk.now += RESEND
    await desk.codes.send(ANN, SIGN_IN, stranger)
    await desk.codes.confirm(ANN, SIGN_IN, code, CLIENT)
    desk.now += RESEND
    await desk.codes.send(ANN, SIGN_IN, stranger)
    assert await desk.codes.confirmed(ANN, SIGN_IN, CLIENT) is not None
    assert await desk.codes.confirmed(ANN, SIGN_IN, stranger) is None
    assert await desk.deliver() == [code, code]


async def test_a_code_that_is_sent_again_has_the_tries_that_were_left(desk: Desk) -> None:
    code = await desk.code()
    for again in range(TRIES):
        with pytest.raises(WrongCode):
            await desk.codes.confirm(ANN, SIGN_IN, other_than(code), CLIENT)
        if again < TRIES - 1:
            assert await desk.code() == code
    first = await desk.open_id()
    new = await desk.code()
    assert await desk.open_id() != first, "a code without tries is replaced"
    await desk.codes.confirm(ANN, SIGN_IN, new, CLIENT)


async def test_a_code_for_no_account_is_replaced_when_there_is_one(desk: Desk) -> None:
    await desk.codes.send(ANN, Purpose.RESET_PASSWORD, CLIENT, silent=True)
    code = await desk.code(purpose=Purpose.RESET_PASSWORD)
    await desk.codes.confirm(ANN, Purpose.RESET_PASSWORD, code, CLIENT)


async def test_a_code_is_for_one_purpose_one_address_and_one_user(desk: Desk) -> None:
    user_id = await new_user(desk.database)
    code = await desk.code(purpose=Purpose.CHANGE_CONTACT, user_id=user_id)
    for contact, purpose, of in [
        (ANN, SIGN_IN, None),
        (ANN, SIGN_IN, user_id),
        (ANN, Purpose.RESET_PASSWORD, user_id),
        (ANN, Purpose.CHANGE_CONTACT, None),
        (PHONE, Purpose.CHANGE_CONTACT, user_id),
        (Contact(Channel.EMAIL, "bob@example.com"), Purpose.CHANGE_CONTACT, user_id),
        (ANN, Purpose.CHANGE_CONTACT, await new_user(desk.database)),
    ]:
        with pytest.raises(WrongCode):
            await desk.codes.confirm(contact, purpose, code, CLIENT, user_id=of)
    await desk.codes.confirm(ANN, Purpose.CHANGE_CONTACT, code, CLIENT, user_id=user_id)


async def test_a_confirmed_code_serves_the_client_that_entered_it_for_minutes(desk: Desk) -> None:
    await desk.codes.confirm(ANN, SIGN_IN, await desk.code(), CLIENT)
    assert await desk.codes.confirmed(ANN, SIGN_IN, Requester("192.0.2.2", "android")) is None
    assert await desk.codes.confirmed(ANN, SIGN_IN, Requester("192.0.2.1", "ios")) is None
    assert await desk.codes.confirmed(ANN, Purpose.RESET_PASSWORD, CLIENT) is None
    assert await desk.codes.confirmed(ANN, SIGN_IN, CLIENT) is not None
    desk.now += CONFIRMED
    assert await desk.codes.confirmed(ANN, SIGN_IN, CLIENT) is None


async def test_a_silent_code_is_never_sent_and_never_right(desk: Desk) -> None:
    await desk.codes.send(ANN, SIGN_IN, CLIENT, silent=True)
    assert await desk.database.fetchval("select count(*) from pgqueuer") == 1, (
        "the same work as for a code that is sent"
    )
    assert await desk.deliver() == []
    silent = await codes_store.by_id(desk.database, await desk.database.fetchval("select id from contact_code"))
    assert silent is not None
    with pytest.raises(WrongCode):
        await desk.codes.confirm(ANN, SIGN_IN, desk.codes.text(silent), CLIENT)


async def test_codes_to_one_address_are_limited(desk: Desk) -> None:
    await desk.codes.send(ANN, SIGN_IN, CLIENT)
    desk.now += RESEND / 4
    with pytest.raises(TooManyCodes, match=f"in {math.ceil(RESEND.total_seconds() * 3 / 4)} seconds"):
        await desk.codes.send(ANN, Purpose.RESET_PASSWORD, Requester("198.51.100.7", "ios"))
    for _ in range(PER_HOUR - 1):
        desk.now += RESEND
        await desk.codes.send(ANN, SIGN_IN, CLIENT)
    desk.now += RESEND
    with pytest.raises(TooManyCodes):
        await desk.codes.send(ANN, SIGN_IN, CLIENT)
    await desk.codes.send(PHONE, SIGN_IN, CLIENT)
    for _ in range(PER_DAY - PER_HOUR):
        desk.now += dt.timedelta(hours=1)
        await desk.codes.send(ANN, SIGN_IN, CLIENT)
    desk.now += dt.timedelta(hours=1)
    with pytest.raises(TooManyCodes):
        await desk.codes.send(ANN, SIGN_IN, CLIENT)
    desk.now += dt.timedelta(days=1)
    await desk.codes.send(ANN, SIGN_IN, CLIENT)


async def test_codes_for_one_network_address_are_limited_at_any_speed(desk: Desk) -> None:
    contacts = [Contact(Channel.EMAIL, f"{number}@example.com") for number in range(PER_ORIGIN + 20)]
    results = await asyncio.gather(
        *(desk.codes.send(contact, SIGN_IN, CLIENT) for contact in contacts), return_exceptions=True
    )
    assert sum(result is None for result in results) == PER_ORIGIN
    assert all(isinstance(result, TooManyCodes) for result in results if result is not None)
    await desk.codes.send(ANN, SIGN_IN, Requester("198.51.100.7", "android"))


async def test_text_messages_of_the_whole_server_are_limited_by_the_day_at_any_speed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.now = desk.now.replace(hour=12)
    phones = [Contact(Channel.PHONE, f"+49151234567{number:02}") for number in range(SMS_PER_DAY + 5)]
    results = await asyncio.gather(
        *(
            desk.codes.send(phone, SIGN_IN, Requester(f"192.0.2.{number}", "ios"), silent=number % 2 == 0)
            for number, phone in enumerate(phones)
        ),
        return_exceptions=True,
    )
    assert [type(result) for result in results if result is not None] == [TextMessagesUsedUp] * 5
    assert await codes_store.by_text_message(desk.database, desk.now) == SMS_PER_DAY
    rendered = desk.metrics.render().decode()
    assert f'stagedoor_code_requests_total{{channel="phone",outcome="accepted"}} {SMS_PER_DAY}.0' in rendered
    assert 'stagedoor_code_requests_total{channel="phone",outcome="day_limit"} 5.0' in rendered
    assert [record.message for record in caplog.records].count("text_messages_used_up") == 1
    await desk.codes.send(ANN, SIGN_IN, CLIENT)
    desk.now += dt.timedelta(days=1)
    await desk.codes.send(PHONE, SIGN_IN, CLIENT)
    desk.now += KEPT
    await desk.codes.delete_old()
    assert await desk.database.fetchval("select count(*) from counter where name = 'codes.phone'") == 1


async def test_a_server_without_a_gateway_says_so(desk: Desk) -> None:
    codes = Codes(desk.database, b"s" * 32, frozenset({Channel.EMAIL}), deliver_code, NO_METRICS)
    with pytest.raises(ChannelMissing):
        await codes.send(PHONE, SIGN_IN, CLIENT)


async def test_old_codes_are_deleted(desk: Desk) -> None:
    await desk.code()
    desk.now += KEPT
    await desk.codes.delete_old()
    assert await desk.database.fetchval("select count(*) from contact_code") == 1
    desk.now += dt.timedelta(seconds=1)
    await desk.codes.delete_old()
    assert await desk.database.fetchval("select count(*) from contact_code") == 0


# ── sign-in ──


@pytest.fixture
def sign_in(desk: Desk) -> SignIn:
    sessions = Sessions(Keyring((Secret("s", b"s" * 32),)), desk.database, 3600, state_s=0)
    prover = ConfirmedContacts(desk.codes)
    return SignIn(desk.database, sessions, [prover], believes_claims=False, clock=lambda: desk.now)


@pytest.mark.parametrize("with_code", [False, True], ids=["code entered before", "code sent along"])
@pytest.mark.parametrize("contact", [ANN, PHONE], ids=["email", "phone"])
async def test_a_code_registers_and_signs_in(desk: Desk, sign_in: SignIn, contact: Contact, with_code: bool) -> None:
    async def claims(username: str = "") -> Claims:
        code = await desk.code(contact)
        if not with_code:
            await desk.codes.confirm(contact, SIGN_IN, code, CLIENT)
        claimed = Claims(code=code if with_code else "", requester=CLIENT, username=username)
        address = f" {contact.address} "
        if contact.channel is Channel.EMAIL:
            return dataclasses.replace(claimed, email=address)
        return dataclasses.replace(claimed, phone=address)

    with pytest.raises(NotRegistered):
        await sign_in.sign_in(unknown := await claims())
    ann = (await sign_in.sign_in(dataclasses.replace(unknown, username="ann"))).user
    assert contact.address in (ann.email, ann.phone)
    with pytest.raises((SignInNotProven, WrongCode)):
        await sign_in.sign_in(unknown)
    assert (await sign_in.sign_in(await claims(username="other"))).user.id == ann.id


async def test_a_confirmed_code_signs_in_once(desk: Desk, sign_in: SignIn) -> None:
    await desk.codes.confirm(PHONE, SIGN_IN, await desk.code(PHONE), CLIENT)
    claims = Claims(phone=PHONE.address, requester=CLIENT, username="ann")
    results = await asyncio.gather(*(sign_in.sign_in(claims) for _ in range(8)), return_exceptions=True)
    assert sum(not isinstance(result, Exception) for result in results) == 1


async def test_an_address_without_its_code_proves_nothing(desk: Desk, sign_in: SignIn) -> None:
    await desk.codes.confirm(PHONE, SIGN_IN, await desk.code(PHONE), CLIENT)
    for claims in [
        Claims(phone=PHONE.address, username="bob"),
        Claims(phone=PHONE.address, username="bob", requester=Requester("198.51.100.7", "android")),
        Claims(phone="+4915123456780", username="bob", requester=CLIENT),
        Claims(phone="no number", email="no address", username="bob", requester=CLIENT),
        Claims(email=ANN.address, username="bob", requester=CLIENT),
    ]:
        with pytest.raises(SignInNotProven):
            await sign_in.sign_in(claims)
    with pytest.raises(WrongCode):
        await sign_in.sign_in(Claims(phone=PHONE.address, code="000000x", requester=CLIENT))
