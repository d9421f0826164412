"""Deleted, banned and removed users at every door: ways to sign in, questions who has an account, and changes by others."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.accounts import bans_store, deletion_store
from control_plane.base.clock import utc_now
from control_plane.db.pool import Database
from control_plane.personal_data.removal import remove_deleted_accounts
from tests.api.sections.sending import PASSWORD, Sending, sending_server

MAIL, PHONE, OTHER_MAIL = "ann@example.com", "+4915123456789", "new@example.com"
DELETED, BANNED, BOTH, REMOVED = "deleted", "banned", "deleted and banned", "removed"
STATES = (DELETED, BANNED, BOTH, REMOVED)
BLOCKED = "You have been blocked."
COMES_BACK = "the account"


@pytest.fixture
async def server(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Sending]:
    async with sending_server(dsn, database, tmp_path) as server:
        yield server


@pytest.fixture(params=STATES)
async def state(request: pytest.FixtureRequest, server: Sending) -> str:
    """Ann's account is in this state."""
    state: str = request.param
    ann, _ = await server.user("ann", password=True, email=MAIL, phone=PHONE)
    async with server.database.transaction() as connection:
        if state != BANNED:
            await deletion_store.delete(connection, ann, utc_now() - dt.timedelta(days=31 if state == REMOVED else 1))
        if state in {BANNED, BOTH}:
            await bans_store.ban(connection, ann)
    await remove_deleted_accounts.function(server.apps.platform.personal_data.removal)
    return state


async def result(server: Sending, endpoint: str, **body: object) -> str:
    """What the caller sees: COMES_BACK, or the text."""
    answer = await server.call(endpoint, **body)
    if answer["code"] == 200 and isinstance(answer["msg"], dict):
        assert answer["msg"]["User"]["id"] == 1
        return COMES_BACK
    text: str = answer["msg"]
    return text[: len(BLOCKED)] if text.startswith(BLOCKED) else text


async def test_sign_in_by_password(server: Sending, state: str) -> None:
    wrong = "The name or the password is wrong."
    for name in (MAIL, PHONE, "ann"):
        assert await result(server, "login", email=name, password="open barley") == wrong
        expected = {DELETED: COMES_BACK, BANNED: BLOCKED, BOTH: BLOCKED, REMOVED: wrong}
        assert await result(server, "login", email=name, password=PASSWORD) == expected[state]


async def test_sign_in_by_code(server: Sending, state: str) -> None:
    await server.done("verifyRegisterEmailCode", email=MAIL)
    code = await server.code(MAIL)
    expected = {DELETED: COMES_BACK, BANNED: BLOCKED, BOTH: BLOCKED, REMOVED: "Open registration screen."}
    assert await result(server, "registerUser", email=MAIL, code=code) == expected[state]


async def test_a_forgotten_password(server: Sending, state: str) -> None:
    sent = await server.done("forgotPassword", email=MAIL)
    assert sent == await server.done("forgotPassword", email=OTHER_MAIL)
    codes = [code for code in await server.accounts.codes.newest(10) if code.contact.address == MAIL]
    assert len(codes) == (state != REMOVED)
    if codes:
        code = await server.code(MAIL)
        expected = {DELETED: COMES_BACK, BANNED: BLOCKED, BOTH: BLOCKED}
        assert await result(server, "verifyforgotPasswordCode", email=MAIL, code=code) == expected[state]


async def test_names_and_addresses_for_others(server: Sending, state: str) -> None:
    """Until the removal they are the account's, which no search finds."""
    for endpoint, body in [
        ("checkEmail", {"email": MAIL}),
        ("checkPhoneNo", {"phone": PHONE}),
        ("checkUsername", {"username": "ann"}),
    ]:
        assert (await server.call(endpoint, **body))["code"] == (200 if state == REMOVED else 201), endpoint
    bob, token = await server.user("bob")
    assert await server.done("showRegisteredContacts", token, phone_numbers=[PHONE]) == []
    await server.done("changeEmailAddress", token, email=MAIL)
    changed = await server.call("verifyChangeEmailCode", token, new_email=MAIL, code=await server.code(MAIL))
    await server.done("changePhoneNo", token, phone=PHONE)
    await server.call("changePhoneNo", token, phone=PHONE, verify=1, code=await server.code(PHONE))
    renamed = await server.call("editProfile", token, username="ann")
    if state == REMOVED:
        assert (changed["code"], renamed["code"]) == (200, 200)
        assert await server.contacts(bob) == (MAIL, PHONE)
    else:
        assert changed == {"code": 201, "msg": "This email address belongs to another account."}
        assert renamed["code"] == 201
        assert await server.contacts(bob) == ("", "")
