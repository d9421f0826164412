"""Proof of phone numbers and email addresses, new ones of an account, and questions whether one is free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from api.contract.client import Client
from api.sections.auth.email import SENT as MAIL_SENT
from api.sections.auth.phone import CHANGED, CONFIRMED, SENT
from control_plane.accounts.codes.codes import TRIES
from control_plane.accounts.lookups import CONTACTS, USERNAMES
from control_plane.db.pool import Database
from tests.api.sections.apps import apps_of
from tests.api.sections.sending import Sending, from_address, sending_server

PHONE, OTHER_PHONE = "+4915123456789", "+4915123456780"
MAIL, OTHER_MAIL = "ann@example.com", "other@example.com"
APPS = [Client.IOS, Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT]


@pytest.fixture
async def server(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Sending]:
    async with sending_server(dsn, database, tmp_path) as server:
        yield server


# ── sign-in and sign-up ──


@pytest.mark.parametrize("app", APPS)
async def test_a_phone_number_is_proven_and_signs_up_as_each_app_sends_it(server: Sending, app: Client) -> None:
    ask: dict[str, Any] = {"phone": "+49 151 23456789", "verify": "0"}
    if app is Client.IOS:
        ask |= {"code": None}
    assert await server.done("verifyPhoneNo", app=app, **ask) == SENT
    code = await server.code(PHONE)
    wrong = await server.call("verifyPhoneNo", app=app, phone=PHONE, verify="1", code=f"{int(code) ^ 1:06}")
    assert wrong["code"] == 201
    unproven = await server.call("registerUser", app=app, phone=PHONE, username="ann", social="phone")
    assert unproven["code"] == 201
    assert await server.done("verifyPhoneNo", app=app, phone=PHONE, verify=1, code=code, user_id="0") == CONFIRMED
    profile = await server.done("registerUser", app=app, phone=PHONE, username="ann", social="phone")
    assert profile["User"]["phone"] == PHONE
    assert profile["User"]["auth_token"]


@pytest.mark.parametrize("app", APPS)
async def test_an_email_address_is_proven_and_signs_up(server: Sending, app: Client) -> None:
    assert await server.done("verifyRegisterEmailCode", app=app, email=" Ann@Example.com ") == MAIL_SENT
    code = await server.code(MAIL)
    wrong = await server.call("verifyRegisterEmailCode", app=app, email=MAIL, code=f"{int(code) ^ 1:06}")
    assert wrong["code"] == 201
    await server.done("verifyRegisterEmailCode", app=app, email=MAIL, code=code)
    profile = await server.done("registerUser", app=app, email=MAIL, username="ann", password="open sesame")
    assert profile["User"]["email"] == MAIL
    weak = await server.call("registerUser", app=app, email=MAIL, username="bob", password="12345678")
    assert weak["code"] == 201


async def test_a_weak_password_leaves_the_proof_for_another_one(server: Sending) -> None:
    await server.done("verifyRegisterEmailCode", email=MAIL)
    await server.done("verifyRegisterEmailCode", email=MAIL, code=await server.code(MAIL))
    weak = await server.call("registerUser", email=MAIL, username="ann", password="password1")
    assert weak["msg"].startswith("This password is one of the most common")
    await server.done("registerUser", email=MAIL, username="ann", password="open sesame")


async def test_the_answer_to_a_request_for_a_code_does_not_tell_who_has_an_account(server: Sending) -> None:
    await server.user("ann", email=MAIL, phone=PHONE)
    for known, unknown in [
        (("verifyPhoneNo", {"phone": PHONE}), ("verifyPhoneNo", {"phone": OTHER_PHONE})),
        (("verifyRegisterEmailCode", {"email": MAIL}), ("verifyRegisterEmailCode", {"email": OTHER_MAIL})),
    ]:
        assert await server.call(known[0], **known[1]) == await server.call(unknown[0], **unknown[1])
    assert await server.codes() == 4


@pytest.mark.parametrize(
    ("endpoint", "body", "code"),
    [
        ("verifyPhoneNo", {}, 400),
        ("verifyPhoneNo", {"phone": "0151 23456789"}, 201),
        ("verifyPhoneNo", {"phone": "12"}, 201),
        ("verifyPhoneNo", {"phone": PHONE, "verify": "2"}, 400),
        ("verifyPhoneNo", {"phone": PHONE, "verify": "1"}, 201),
        ("verifyPhoneNo", {"phone": PHONE, "user_id": "7"}, 401),
        ("verifyRegisterEmailCode", {"email": "no address"}, 201),
        ("verifyRegisterEmailCode", {"email": "a@b.example\r\nBcc: c@d.example"}, 201),
        ("changeEmailAddress", {"email": MAIL}, 401),
        ("verifyChangeEmailCode", {"new_email": MAIL, "code": "123456"}, 401),
        ("changePhoneNo", {"phone": PHONE}, 401),
        ("checkEmail", {"email": "x"}, 201),
        ("checkPhoneNo", {"phone": "x"}, 201),
        ("checkUsername", {"username": "a b"}, 201),
        ("checkUsername", {"username": "123"}, 201),
        ("verifyAccountDetails", {"type": "email"}, 400),
    ],
)
async def test_bad_input_is_refused(server: Sending, endpoint: str, body: dict[str, Any], code: int) -> None:
    assert (await server.call(endpoint, **body))["code"] == code
    assert await server.codes() == 0


async def test_a_server_that_cannot_send_says_so(dsn: str, database: Database, tmp_path: Path) -> None:
    async with sending_server(dsn, database, tmp_path, mail_url="", sms_url="") as server:
        _, token = await server.user("ann", email=MAIL)
        for endpoint, body in [
            ("verifyPhoneNo", {"phone": PHONE, "verify": "0"}),
            ("changePhoneNo", {"phone": PHONE, "verify": "0"}),
        ]:
            answer = await server.call(endpoint, token, **body)
            assert answer == {"code": 201, "msg": "This server cannot send text messages."}
        for endpoint, body in [
            ("verifyRegisterEmailCode", {"email": MAIL}),
            ("forgotPassword", {"email": MAIL}),
            ("forgotPassword", {"email": OTHER_MAIL}),
            ("changeEmailAddress", {"email": OTHER_MAIL}),
        ]:
            answer = await server.call(endpoint, token, **body)
            assert answer == {"code": 201, "msg": "This server cannot send email."}


# ── a new address of an account ──


@pytest.mark.parametrize("app", APPS)
async def test_a_new_email_address_counts_when_it_is_confirmed_and_the_old_one_gets_word(
    server: Sending, app: Client
) -> None:
    ann, token = await server.user("ann", email=MAIL)
    assert (
        await server.done("changeEmailAddress", token, app, user_id=str(ann), email=OTHER_MAIL, verify="0") == MAIL_SENT
    )
    code = await server.code(OTHER_MAIL)
    assert await server.contacts(ann) == (MAIL, "")
    wrong = await server.call(
        "verifyChangeEmailCode", token, app, user_id=str(ann), new_email=OTHER_MAIL, code=f"{int(code) ^ 1:06}"
    )
    assert wrong["code"] == 201
    assert await server.notices() == []
    body = {"user_id": str(ann), "new_email": " Other@example.com", "code": code}
    profile = await server.done("verifyChangeEmailCode", token, app, **body)
    assert profile["User"]["email"] == OTHER_MAIL
    assert profile["User"]["auth_token"] == token
    assert await server.notices() == [("email_changed", MAIL)]
    again = await server.call("verifyChangeEmailCode", token, app, **body)
    assert again["code"] == 201


@pytest.mark.parametrize("by", ["verifyPhoneNo", "changePhoneNo"])
@pytest.mark.parametrize("app", APPS)
async def test_a_new_phone_number_counts_when_it_is_confirmed(server: Sending, app: Client, by: str) -> None:
    ann, token = await server.user("ann", phone=PHONE)
    assert await server.done("changePhoneNo", token, app, user_id=str(ann), phone=OTHER_PHONE, verify="0") == SENT
    code = await server.code(OTHER_PHONE)
    assert await server.contacts(ann) == ("", PHONE)
    body = {"user_id": str(ann), "phone": OTHER_PHONE, "verify": "1", "code": code}
    assert await server.done(by, token, app, **body) == CHANGED
    assert await server.contacts(ann) == ("", OTHER_PHONE)
    assert await server.notices() == [("phone_changed", PHONE)]


async def test_verify_phone_no_sends_the_code_of_a_change_too(server: Sending) -> None:
    ann, token = await server.user("ann", phone=PHONE)
    await server.done("verifyPhoneNo", token, user_id=ann, phone=OTHER_PHONE, verify=0)
    code = await server.code(OTHER_PHONE)
    assert (await server.call("verifyPhoneNo", phone=OTHER_PHONE, verify=1, code=code))["code"] == 201, (
        "not for sign-in"
    )
    await server.done("verifyPhoneNo", token, user_id=ann, phone=OTHER_PHONE, verify=1, code=code)


async def test_an_account_without_an_old_address_gets_word_at_the_other_one(server: Sending) -> None:
    ann, token = await server.user("ann", phone=PHONE)
    await server.done("changeEmailAddress", token, email=MAIL)
    await server.done("verifyChangeEmailCode", token, new_email=MAIL, code=await server.code(MAIL))
    assert await server.contacts(ann) == (MAIL, PHONE)
    assert await server.notices() == [("email_changed", PHONE)]


async def test_an_address_of_another_account_is_refused_only_after_the_proof(server: Sending) -> None:
    ann, token = await server.user("ann", email="ann@old.example.com", phone="+4915123456781")
    bob, _ = await server.user("bob", email=MAIL, phone=PHONE)
    taken = await server.call("changeEmailAddress", token, email=MAIL)
    assert taken == await server.call("changeEmailAddress", token, email=OTHER_MAIL)
    guess = await server.call("verifyChangeEmailCode", token, new_email=MAIL, code="x")
    assert guess == await server.call("verifyChangeEmailCode", token, new_email="free@example.com", code="x")
    proven = await server.call("verifyChangeEmailCode", token, new_email=MAIL, code=await server.code(MAIL))
    assert proven == {"code": 201, "msg": "This email address belongs to another account."}
    await server.done("changePhoneNo", token, phone=PHONE)
    proven = await server.call("changePhoneNo", token, phone=PHONE, verify=1, code=await server.code(PHONE))
    assert proven == {"code": 201, "msg": "This phone number belongs to another account."}
    assert await server.contacts(ann) == ("ann@old.example.com", "+4915123456781")
    assert await server.contacts(bob) == (MAIL, PHONE)
    assert await server.notices() == []


async def test_of_two_confirmations_at_the_same_time_one_counts(server: Sending) -> None:
    _, token = await server.user("ann", email="old@example.com")
    await server.done("changeEmailAddress", token, email=MAIL)
    body = {"new_email": MAIL, "code": await server.code(MAIL)}
    answers = await asyncio.gather(*(server.call("verifyChangeEmailCode", token, **body) for _ in range(TRIES)))
    assert sorted(answer["code"] for answer in answers) == [200, *[201] * (TRIES - 1)]
    assert len(await server.notices()) == 1


async def test_of_two_accounts_that_confirm_one_address_at_the_same_time_one_gets_it(server: Sending) -> None:
    people = []
    for name in ("ann", "bob"):
        user_id, token = await server.user(name)
        await server.done("changeEmailAddress", token, email=MAIL)
        people.append((user_id, token, await server.code(MAIL)))
    answers = await asyncio.gather(
        *(server.call("verifyChangeEmailCode", token, new_email=MAIL, code=code) for _, token, code in people)
    )
    assert sorted(answer["code"] for answer in answers) == [200, 201]
    assert [await server.contacts(user_id) for user_id, _, _ in people].count((MAIL, "")) == 1


async def test_a_code_of_one_account_changes_no_other(server: Sending) -> None:
    _, anns = await server.user("ann")
    bob, bobs = await server.user("bob", email="bob@example.com")
    await server.done("changeEmailAddress", anns, email=MAIL)
    code = await server.code(MAIL)
    assert (await server.call("verifyChangeEmailCode", bobs, new_email=MAIL, code=code))["code"] == 201
    assert (await server.call("verifyChangeEmailCode", anns, user_id=bob, new_email=MAIL, code=code))["code"] == 201
    assert await server.contacts(bob) == ("bob@example.com", "")


async def test_a_user_id_in_the_body_changes_no_address(dsn: str, database: Database, tmp_path: Path) -> None:
    async with sending_server(dsn, database, tmp_path, body_identity=True) as server:
        ann, _ = await server.user("ann", email=MAIL)
        calls: list[tuple[str, dict[str, Any]]] = [
            ("changeEmailAddress", {"email": OTHER_MAIL}),
            ("verifyChangeEmailCode", {"new_email": OTHER_MAIL, "code": "123456"}),
            ("changePhoneNo", {"phone": PHONE}),
            ("verifyPhoneNo", {"phone": PHONE, "verify": 0}),
            ("changePassword", {"old_password": "x", "new_password": "open barley"}),
        ]
        for endpoint, body in calls:
            answer = await server.call(endpoint, app=Client.ANDROID, user_id=str(ann), **body)
            assert answer["code"] == 501, endpoint
        assert await server.codes() == 0


# ── questions ──


@pytest.mark.parametrize("app", APPS)
async def test_the_registration_screens_learn_what_is_free(server: Sending, app: Client) -> None:
    await server.user("ann", email=MAIL, phone=PHONE)
    for endpoint, taken, free in [
        ("checkEmail", {"email": "ANN@example.com"}, {"email": OTHER_MAIL}),
        ("checkPhoneNo", {"phone": "+49 151 23456789"}, {"phone": OTHER_PHONE}),
        ("checkUsername", {"username": "@Ann"}, {"username": "bob"}),
    ]:
        assert (await server.call(endpoint, app=app, **taken))["code"] == 201, endpoint
        assert isinstance(await server.done(endpoint, app=app, **free), str)


async def test_questions_are_limited_for_each_address(server: Sending) -> None:
    async def ask(number: int, address: str) -> int:
        body = {"email": f"{number}@example.com"}
        answer = await server.call("checkEmail", headers=from_address(address), **body)
        code: int = answer["code"]
        return code

    codes = await asyncio.gather(*(ask(number, "203.0.113.1") for number in range(CONTACTS.per_hour + 5)))
    assert sorted(codes) == [*[200] * CONTACTS.per_hour, *[201] * 5]
    assert await server.database.fetchval("select count(*) from account_lookup") == CONTACTS.per_hour, (
        "a refusal adds no row"
    )
    for endpoint, body in [
        ("checkPhoneNo", {"phone": PHONE}),
        ("verifyAccountDetails", {"type": "email", "social_id": MAIL}),
    ]:
        refused = await server.call(endpoint, headers=from_address("203.0.113.1"), **body)
        assert refused == {"code": 201, "msg": "Too many requests. Please try again later."}
    assert await ask(0, "203.0.113.2") == 200
    await server.done("checkUsername", headers=from_address("203.0.113.1"), username="free")


@pytest.mark.parametrize("app", APPS)
async def test_account_details_are_told_to_those_who_proved_them(server: Sending, app: Client) -> None:
    await server.user("ann", email=MAIL, phone=PHONE)
    known = await server.call("verifyAccountDetails", app=app, type="email", social_id=MAIL)
    assert known["code"] == 201
    assert known == await server.call("verifyAccountDetails", app=app, type="email", social_id=OTHER_MAIL)
    assert known == await server.call("verifyAccountDetails", app=app, type="google", social_id="1234567890")
    await server.done("verifyRegisterEmailCode", app=app, email=MAIL)
    await server.done("verifyRegisterEmailCode", app=app, email=MAIL, code=await server.code(MAIL))
    for _ in range(2):  # the proof is not used up
        profile = await server.done("verifyAccountDetails", app=app, type="email", social_id=MAIL)
        assert (profile["User"]["username"], profile["User"]["email"], profile["User"]["auth_token"]) == ("ann", "", "")
    other = Client.IOS if app is not Client.IOS else Client.ANDROID
    assert (await server.call("verifyAccountDetails", app=other, type="email", social_id=MAIL))["code"] == 201
    await server.done("registerUser", app=app, email=MAIL)


async def test_in_development_mode_the_apps_change_an_address_by_the_user_id_alone(
    dsn: str, database: Database, tmp_path: Path
) -> None:
    async with apps_of(dsn, database, tmp_path) as apps:
        ann = await apps.id_of(await apps.sign_in("ann"))
        assert (
            await apps.done("changeEmailAddress", app=Client.ANDROID, user_id=str(ann), email=MAIL, verify="0")
            == MAIL_SENT
        )


async def test_questions_for_usernames_have_a_limit_of_their_own(server: Sending) -> None:
    await server.database.execute(
        "insert into account_lookup (kind, origin, created_at) select 'username', '203.0.113.1', now() from generate_series(1, $1)",
        USERNAMES.per_hour - 1,
    )
    codes = [
        (await server.call("checkUsername", headers=from_address("203.0.113.1"), username="free"))["code"]
        for _ in range(2)
    ]
    assert codes == [200, 201]
