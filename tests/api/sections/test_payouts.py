"""Payout endpoints, as each app calls them: addresses and their change, requests, history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from control_plane.accounts.claims import Requester
from control_plane.base.ids import UserId
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.messenger import Message
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.wallets import wallet
from control_plane.payouts.model import SavedAddressUnreadable
from control_plane.payouts.resealing import Resealing, reseal_payout_addresses
from control_plane.payouts.telling import PayoutTelling, send_payout_letter, tell_old_address
from control_plane.personal_data import deletion
from control_plane.personal_data.removal import remove_deleted_accounts
from tests.api.sections.apps import APPS, Apps
from tests.api.sections.sending import PASSWORD, Sending, sending_server
from tests.control_plane.jobs.payloads import payloads
from tests.control_plane.payouts.books import audit, reserved
from tests.control_plane.payouts.till import Till
from tests.control_plane.watched_database import WatchedDatabase

MAIL, NEW = "ann@example.com", "new@example.com"
IBAN = "DE89370400440532013000"
HIDDEN = "a•••@example.com"
ALREADY = {"code": 201, "msg": "You have already requested a payout."}


class Sent:
    """A messenger that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Message]] = []

    @property
    def channels(self) -> Collection[Channel]:
        return frozenset(Channel)

    async def send(self, to: Contact, message: Message) -> None:
        self.messages.append((to.address, message))


@dataclass
class Host:
    id: UserId
    token: str


async def host_of(apps: Apps, coins: int = 500) -> Host:
    ann = await Till(apps.database).host(coins, address="")
    return Host(ann, await apps.token(ann))


@pytest.fixture
async def ann(apps: Apps) -> Host:
    return await host_of(apps)


@pytest.fixture
async def server(dsn: str, database: WatchedDatabase, tmp_path: Path) -> AsyncIterator[Sending]:
    async with sending_server(dsn, database, tmp_path) as server:
        yield server


ADDED: dict[Client, dict[str, Any]] = {
    Client.IOS: {"value": MAIL, "type": "paypal"},
    Client.ANDROID: {"wallet_address": MAIL},
    Client.ANDROID_KT: {"value": MAIL, "type": "paypal"},
    Client.DOCUMENT: {"paypal": MAIL},
}


# ── the address ──


@pytest.mark.parametrize("app", APPS)
async def test_the_first_address_is_added_as_each_app_sends_it(apps: Apps, ann: Host, app: Client) -> None:
    body = ADDED[app] if app is Client.ANDROID_KT else {**ADDED[app], "user_id": str(ann.id)}
    answer = await apps.done("addPayout", ann.token, app, path="api/addpayout", **body)
    assert (answer["Payout"]["value"], answer["Payout"]["type"], answer["Payout"]["primary"]) == (MAIL, "paypal", 1)
    assert answer["User"]["paypal"] == MAIL
    assert answer["User"]["wallet"] == 500

    shown = await apps.done("showPayout", ann.token, app)
    payout = shown[0]["PayoutMethod"] if app is Client.DOCUMENT else shown["Payout"]
    assert (payout["value"], payout["user_id"]) == (HIDDEN, ann.id)
    profile = await apps.done("showUserDetail", ann.token, app, user_id=str(ann.id), auth_token=ann.token)
    assert profile["User"]["paypal"] == HIDDEN


async def test_without_an_address_the_apps_are_told_and_the_document_gets_an_empty_list(apps: Apps, ann: Host) -> None:
    for app in (Client.IOS, Client.ANDROID, Client.ANDROID_KT):
        answer = await apps.call("showPayout", ann.token, app)
        assert answer == {"code": 201, "msg": "Please add the address that your payouts go to first."}
    assert await apps.done("showPayout", ann.token) == []


async def test_no_other_user_sees_the_address(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    ben = await host_of(apps)
    seen = await apps.done("showUserDetail", ben.token, other_user_id=str(ann.id))
    assert seen["User"]["paypal"] == ""


async def test_what_is_stored_is_encrypted(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    await apps.done("withdrawRequest", ann.token, coin="100", amount="0.5")
    for table in ("payout_detail", "payout_request", "pgqueuer"):
        rows = await apps.database.fetch(f"select one::text as text from {table} as one")
        assert rows or table == "pgqueuer"
        assert not any(MAIL in row["text"] or MAIL.encode().hex() in row["text"] for row in rows)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "This is not a payout address"),
        ({"value": "ann", "type": "paypal"}, "the email address of your PayPal account"),
        ({"value": IBAN[:-1] + "1", "type": "bank"}, "its check digits are wrong"),
        ({"value": "ann"}, "This is not a payout address"),
        ({"value": MAIL, "type": "cheque"}, "paypal, bank or wallet"),
    ],
)
async def test_a_bad_address_is_refused(apps: Apps, ann: Host, body: dict[str, str], says: str) -> None:
    for app in APPS:
        answer = await apps.call("addPayout", ann.token, app, **body)
        assert answer["code"] == 201
        assert says in answer["msg"]


async def test_a_saved_address_that_cannot_be_decrypted_is_told_without_words_for_operators(
    apps: Apps, ann: Host, caplog: pytest.LogCaptureFixture
) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    await apps.database.execute("update payout_detail set key_id = 'lost' where user_id = $1", ann.id)
    told = {"code": 500, "msg": str(SavedAddressUnreadable())}
    assert await apps.call("addPayout", ann.token, Client.IOS, value=NEW) == told
    assert await apps.call("withdrawRequest", ann.token, Client.IOS, coin="100", amount="0.5", email=MAIL) == told
    assert [record.message for record in caplog.records].count("payout_address_unreadable") == 2


async def test_a_change_needs_proof_and_the_apps_are_sent_to_the_account_page(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    for app in APPS:
        answer = await apps.call("addPayout", ann.token, app, **ADDED[app] | {"value": NEW, "paypal": ""})
        assert answer["code"] == 201
        assert answer["msg"].startswith("Your payout address has not been changed.")
        assert answer["msg"].endswith("/account")
    for same in (MAIL, HIDDEN, "Ann@Example.com"):
        assert (await apps.done("addPayout", ann.token, Client.ANDROID, wallet_address=same))["User"]["paypal"] == same
    assert (await apps.done("showPayout", ann.token))[0]["PayoutMethod"]["value"] == HIDDEN


async def test_a_change_by_password_is_told_and_holds_payouts(server: Sending) -> None:
    ann, token = await server.user("ann", email="own@example.com", phone="+4915123456789", password=True)
    await Till(server.database).earn(ann, 500)
    await server.database.execute("update app_user set dob = '1990-05-17' where id = $1", ann)
    await server.done("addPayout", token, value=MAIL)
    assert await server.notices() == [("payout_added", "own@example.com"), ("payout_added", "+4915123456789")]
    first = await server.done("withdrawRequest", token, coin="100.0", amount="0.5", email="")

    wrong = await server.call("addPayout", token, value=NEW, password="not it")
    assert wrong == {"code": 201, "msg": "The password is wrong."}
    changed = await server.done("addPayout", token, value=NEW, password=PASSWORD)
    assert changed["Payout"]["value"] == NEW

    assert (await server.notices())[2:] == [("payout_changed", "own@example.com"), ("payout_changed", "+4915123456789")]
    sent = Sent()
    telling = PayoutTelling(server.database, sent, server.apps.platform.payouts.sealer, "Stagedoor")
    [told] = await payloads(server.database, tell_old_address)
    assert MAIL not in str(told)
    await tell_old_address.function(telling, **told)
    assert [address for address, _ in sent.messages] == [MAIL]
    history = await server.done("showWithdrawalHistory", token)
    assert history[0]["WithdrawRequest"]["email"] == HIDDEN, "an open request keeps its address"
    await Till(server.database).desk().reject(first["WithdrawRequest"]["id"], "No.")
    held = await server.call("withdrawRequest", token, coin="100", amount="0")
    assert held["code"] == 201
    assert held["msg"].startswith("Your payout address was changed. For your safety")
    [letter] = await payloads(server.database, send_payout_letter)
    await send_payout_letter.function(telling, **letter)
    assert sent.messages[1][0] == "own@example.com"
    assert "The reason: No." in sent.messages[1][1].text


async def test_a_change_by_a_code_that_counts_once(server: Sending) -> None:
    ann, token = await server.user("ann", email="own@example.com")
    details = server.apps.platform.payouts.details
    await server.done("addPayout", token, value=MAIL)
    await details.send_code(ann, Requester("192.0.2.1", "document"))
    code = await server.code("own@example.com")
    wrong = await server.call("addPayout", token, value=NEW, code=f"{int(code) ^ 1:06}")
    assert wrong["code"] == 201
    await server.done("addPayout", token, value=NEW, code=code)
    again = await server.call("addPayout", token, value=MAIL, code=code)
    assert again["code"] == 201
    assert (await server.done("showPayout", token))[0]["PayoutMethod"]["value"] == "n•••@example.com"


async def test_of_first_addresses_at_once_one_is_added(apps: Apps, ann: Host) -> None:
    answers = await asyncio.gather(*(apps.call("addPayout", ann.token, value=f"{n}@example.com") for n in range(8)))
    assert [answer["code"] for answer in answers].count(200) == 1


# ── requests ──


ASKED: dict[Client, dict[str, Any]] = {
    Client.IOS: {"coin": "200", "amount": "1.0", "email": MAIL},
    Client.ANDROID: {"coin": "200.0", "amount": "1.0", "email": MAIL},
    Client.ANDROID_KT: {"coin": 200, "amount": "1.0"},
    Client.DOCUMENT: {"coin": 200, "amount": 1, "email": HIDDEN},
}


@pytest.mark.parametrize("app", APPS)
async def test_a_payout_is_requested_as_each_app_does(apps: Apps, ann: Host, app: Client) -> None:
    await apps.done("addPayout", ann.token, app, **ADDED[app])
    body = ASKED[app] if app is Client.ANDROID_KT else {**ASKED[app], "user_id": str(ann.id)}
    answer = await apps.done("withdrawRequest", ann.token, app, **body)
    request = answer["WithdrawRequest"]
    assert answer["WithdrawalRequest"] == request
    assert (request["coin"], request["amount"], request["email"], request["status"]) == (200, 1.0, HIDDEN, 0)
    assert answer["User"]["wallet"] == 300
    assert await apps.call("withdrawRequest", ann.token, app, **body) == ALREADY

    history = await apps.done("showWithdrawalHistory", ann.token, app, starting_point="0")
    assert [entry["WithdrawRequest"] for entry in history] == [request]
    assert await apps.done("showWithdrawalHistory", ann.token, app, starting_point="1") == []
    await audit(apps.database)


async def test_the_whole_wallet_means_all_that_can_be_withdrawn(apps: Apps, ann: Host) -> None:
    await adjust(apps.database, ann.id, 1_000, "bought")
    await apps.done("addPayout", ann.token, Client.ANDROID, wallet_address=MAIL)
    answer = await apps.done("withdrawRequest", ann.token, Client.ANDROID, coin="1500.0", amount="7.5", email=MAIL)
    assert answer["WithdrawRequest"]["coin"] == 500
    assert answer["User"]["wallet"] == 1_000


async def test_android_is_asked_for_its_address_and_then_paid(apps: Apps, ann: Host) -> None:
    refused = await apps.call("withdrawRequest", ann.token, Client.ANDROID, coin="500.0", amount="2.5", email="")
    assert refused["code"] == 201
    assert refused["msg"] != ALREADY["msg"]
    paypal = (await apps.done("addPayout", ann.token, Client.ANDROID, wallet_address=MAIL))["User"]["paypal"]
    answer = await apps.done("withdrawRequest", ann.token, Client.ANDROID, coin="500.0", amount="2.5", email=paypal)
    assert answer["User"]["wallet"] == 0


async def test_the_address_of_a_request_becomes_the_first_one_and_no_second_one(apps: Apps, ann: Host) -> None:
    await apps.done("withdrawRequest", ann.token, coin="100", amount="0", email=MAIL)
    assert (await apps.done("showPayout", ann.token))[0]["PayoutMethod"]["value"] == HIDDEN
    for email in (NEW, "nonsense", ""):
        assert await apps.call("withdrawRequest", ann.token, coin="100", amount="0", email=email) == ALREADY
    payout_id = (await apps.done("showWithdrawalHistory", ann.token))[0]["WithdrawRequest"]["id"]
    await Till(apps.database).desk().reject(payout_id, "No.")
    other = await apps.call("withdrawRequest", ann.token, coin="100", amount="0", email=NEW)
    assert other == {
        "code": 201,
        "msg": f"Your payouts go to {HIDDEN}. To use another address, please change it first.",
    }
    assert await reserved(apps.database) == 0


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"coin": "501"}, 201, "You can withdraw 500 coins"),
        ({"coin": "99"}, 201, "at least 100 coins"),
        ({"coin": "0"}, 201, "a whole number above 0"),
        ({"coin": "1e3"}, 400, "coin must be a whole number"),
        ({"coin": "-100"}, 400, "coin must be a whole number"),
        ({"coin": "100.5"}, 400, "coin must be a whole number"),
        ({"coin": "9" * 30}, 400, "coin must be a whole number"),
        ({"coin": "9" * 18}, 201, "a whole number above 0"),
        ({"coin": []}, 400, "coin"),
        ({"coin": "100", "client_ref": " x "}, 400, "client_ref"),
    ],
)
async def test_bad_requests_are_refused(apps: Apps, ann: Host, body: dict[str, Any], code: int, says: str) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    for app in APPS:
        answer = await apps.call("withdrawRequest", ann.token, app, amount="1", **body)
        assert answer["code"] == code
        assert says in answer["msg"]
    assert await reserved(apps.database) == 0


async def test_a_key_makes_a_request_idempotent(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    body: dict[str, Any] = {"coin": "200", "amount": "1", "client_ref": "tap-1"}
    answers = [await apps.done("withdrawRequest", ann.token, **body) for _ in range(2)]
    assert answers[0] == answers[1]
    other = await apps.call("withdrawRequest", ann.token, **body | {"coin": "300"})
    assert other["code"] == 201
    assert (await wallet(apps.database, ann.id)).earned == 300


async def test_requests_at_once_without_a_key_reserve_once(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    answers = await asyncio.gather(
        *(apps.call("withdrawRequest", ann.token, coin="200", amount="1") for _ in range(16))
    )
    done = [answer["msg"]["WithdrawRequest"]["id"] for answer in answers if answer["code"] == 200]
    assert len(set(done)) == 1
    assert [answer for answer in answers if answer["code"] != 200] == [ALREADY] * (16 - len(done))
    assert await reserved(apps.database) == 200
    await audit(apps.database)


# ── who may call, and how much it costs ──


@pytest.mark.parametrize("endpoint", ["withdrawRequest", "showWithdrawalHistory", "addPayout", "showPayout"])
async def test_only_a_session_of_the_user_may_call(apps: Apps, ann: Host, endpoint: str) -> None:
    body: dict[str, Any] = {"coin": "100", "amount": "1", "value": MAIL}
    ben = await host_of(apps)
    for app in APPS:
        missing = 501 if app in (Client.ANDROID, Client.ANDROID_KT) else 401
        assert (await apps.call(endpoint, "", app, **body))["code"] == missing
        assert (await apps.call(endpoint, "", app, **body, user_id=str(ann.id)))["code"] == missing
        assert (await apps.call(endpoint, ben.token, app, **body, user_id=str(ann.id)))["code"] == 201
    await apps.ban(ann.id)
    assert (await apps.call(endpoint, ann.token, **body))["code"] in (201, 401)
    assert await apps.database.fetchval("select count(*) from payout_request") == 0
    assert await apps.database.fetchval("select count(*) from payout_detail where user_id = $1", ann.id) == 0


async def test_the_history_takes_the_same_queries_for_any_number_of_rows(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    few = await apps.queries("showWithdrawalHistory", ann.token)
    till = Till(apps.database)
    for _ in range(12):
        answer = await apps.done("withdrawRequest", ann.token, coin="100", amount="0")
        await till.desk().reject(answer["WithdrawRequest"]["id"], "Not yet.")
    assert await apps.queries("showWithdrawalHistory", ann.token) == few
    first = await apps.done("showWithdrawalHistory", ann.token)
    second = await apps.done("showWithdrawalHistory", ann.token, starting_point=1)
    assert (len(first), len(second)) == (10, 2)
    newest = first[0]["WithdrawRequest"]
    assert (newest["status"], newest["state"], newest["reason"]) == (2, "rejected", "Not yet.")


async def test_no_list_and_no_gift_decrypts_an_address(apps: Apps, ann: Host) -> None:
    await apps.done("addPayout", ann.token, value=MAIL)
    await apps.done("withdrawRequest", ann.token, coin="100", amount="0")
    await adjust(apps.database, ann.id, 100, "bought")
    for table in ("payout_detail", "payout_request"):
        await apps.database.execute(f"update {table} set sealed = 'damaged', key_id = '?'")
    ben = await host_of(apps)
    await apps.database.execute("insert into gift (id, title, coins, picture) values (1, 'Rose', 1, 'rose.svg')")

    history = await apps.done("showWithdrawalHistory", ann.token)
    sent = await apps.done("sendGift", ann.token, receiver_id=ben.id, gift_id=1, gift_count=1)
    assert history[0]["WithdrawRequest"]["email"] == HIDDEN
    assert sent["User"]["paypal"] == HIDDEN
    assert (await apps.done("showPayout", ann.token))[0]["PayoutMethod"]["value"] == HIDDEN
    assert (await apps.done("showUserDetail", ann.token))["User"]["paypal"] == HIDDEN


# ── deleted accounts ──


async def test_a_deleted_account_is_removed_when_its_payout_is_finished(
    apps: Apps, ann: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "CONFIRMS_AFTER_S", 0.0)
    till = Till(apps.database)
    till.sealer = apps.platform.payouts.sealer
    await apps.done("addPayout", ann.token, value=MAIL)
    request = (await apps.done("withdrawRequest", ann.token, coin="200", amount="0"))["WithdrawRequest"]
    assert (await apps.call("deleteUserAccount", ann.token))["msg"].startswith("You still have 300 coins")
    await apps.done("deleteUserAccount", ann.token)
    await apps.database.execute("update app_user set deleted_at = now() - interval '31 days' where id = $1", ann.id)
    removed = "select removed_at is not null from app_user where id = $1"

    await remove_deleted_accounts.function(apps.platform.personal_data.removal)
    assert not await apps.database.fetchval(removed, ann.id)
    await till.desk().approve(request["id"])
    address = await till.desk().read_address(await till.desk().get(request["id"]))
    assert address is not None
    assert address.value == MAIL
    await remove_deleted_accounts.function(apps.platform.personal_data.removal)
    assert not await apps.database.fetchval(removed, ann.id)
    await till.desk().pay(request["id"], "TX 1")
    await remove_deleted_accounts.function(apps.platform.personal_data.removal)
    assert await apps.database.fetchval(removed, ann.id)
    payout = await till.desk().get(request["id"])
    assert payout.shown == ""
    assert await till.desk().read_address(payout) is None
    await audit(apps.database)


# ── old releases and old secrets ──


async def test_plain_addresses_of_older_releases_are_encrypted_and_emptied(apps: Apps, ann: Host) -> None:
    ben = await host_of(apps)
    set_plain = "update app_user set paypal = $2 where id = $1"
    await apps.database.execute(set_plain, ann.id, MAIL)
    await apps.database.execute(set_plain, ben.id, "to my brother")
    await reseal_payout_addresses.function(Resealing(apps.database, apps.platform.payouts.sealer))
    assert await apps.database.fetchval("select count(*) from app_user where paypal <> ''") == 0
    assert (await apps.done("showPayout", ann.token))[0]["PayoutMethod"]["value"] == HIDDEN
    assert await apps.done("showPayout", ben.token) == []
    await apps.done("withdrawRequest", ann.token, coin="100", amount="0", email=MAIL)
