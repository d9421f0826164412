"""Sign-in by password, a new password, and a forgotten one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from api.contract.client import Client
from control_plane.accounts import password_hashing
from control_plane.accounts.passwords import PER_ACCOUNT_AND_ORIGIN
from control_plane.db.pool import Database
from tests.api.sections.sending import PASSWORD, Sending, from_address, sending_server

MAIL = "ann@example.com"
NEW = "close sesame"
APPS = [Client.IOS, Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT]


@pytest.fixture
async def server(
    dsn: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Sending]:
    monkeypatch.setattr(password_hashing, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    async with sending_server(dsn, database, tmp_path) as server:
        yield server


async def is_signed_in(server: Sending, token: str) -> bool:
    return await server.accounts.sessions.identify(token) is not None


@pytest.mark.parametrize("app", APPS)
async def test_a_password_signs_in(server: Sending, app: Client) -> None:
    ann, _ = await server.user("ann", password=True, email=MAIL)
    for name in (MAIL, "ann"):
        profile = await server.done("login", app=app, email=name, password=PASSWORD)
        assert profile["User"]["id"] == ann
        assert await is_signed_in(server, profile["User"]["auth_token"])


@pytest.mark.parametrize("app", APPS)
async def test_a_wrong_password_and_an_unknown_name_have_the_same_answer(server: Sending, app: Client) -> None:
    banned, _ = await server.user("banned", password=True, email="banned@example.com")
    await server.user("ann", password=True, email=MAIL)
    await server.user("social", email="social@example.com")
    await server.apps.ban(banned)
    names = [MAIL, "social@example.com", "banned@example.com", "nobody@example.com", "ann", "nobody"]
    answers = [await server.call("login", app=app, email=name, password="open barley") for name in names]
    assert answers == [{"code": 201, "msg": "The name or the password is wrong."}] * len(names)
    told = await server.call("login", app=app, email="banned@example.com", password=PASSWORD)
    assert "have been blocked" in told["msg"]


@pytest.mark.parametrize(
    ("endpoint", "body", "code"),
    [
        ("login", {"email": MAIL}, 400),
        ("login", {"password": "x"}, 400),
        ("login", {"email": "", "password": ""}, 201),
        ("login", {"email": "x" * 2000, "password": "x" * 2000}, 201),
        ("login", {"email": "a\u0000b", "password": "\u0000"}, 201),
        ("login", {"email": [], "password": {}}, 400),
        ("changePassword", {"old_password": "x", "new_password": "y"}, 401),
        ("forgotPassword", {"email": "nothing"}, 201),
        ("verifyforgotPasswordCode", {"email": MAIL, "code": "12345x"}, 201),
        ("changePasswordForgot", {"email": MAIL, "password": NEW}, 201),
    ],
)
async def test_bad_input_is_refused(server: Sending, endpoint: str, body: dict[str, Any], code: int) -> None:
    assert (await server.call(endpoint, **body))["code"] == code


async def test_guesses_are_limited_and_another_address_still_signs_in(server: Sending) -> None:
    await server.user("ann", password=True, email=MAIL)
    attack = from_address("203.0.113.9")
    answers = await asyncio.gather(
        *(
            server.call("login", headers=attack, email=MAIL, password=f"guess {n}")
            for n in range(PER_ACCOUNT_AND_ORIGIN + 5)
        )
    )
    assert sum(answer["msg"].startswith("Too many wrong passwords") for answer in answers) == 5
    unknown = await asyncio.gather(
        *(
            server.call("login", headers=attack, email="nobody@example.com", password=f"{n}")
            for n in range(PER_ACCOUNT_AND_ORIGIN + 5)
        )
    )
    assert sorted(answer["msg"] for answer in unknown) == sorted(answer["msg"] for answer in answers)
    assert (await server.call("login", headers=attack, email=MAIL, password=PASSWORD))["code"] == 201
    await server.done("login", headers=from_address("203.0.113.10"), email=MAIL, password=PASSWORD)


@pytest.mark.parametrize("app", APPS)
async def test_a_new_password_ends_all_other_sessions(server: Sending, app: Client) -> None:
    ann, token = await server.user("ann", password=True, email=MAIL)
    elsewhere = await server.accounts.sessions.issue(ann)
    for old, new in [("open barley", NEW), (PASSWORD, "ann"), (PASSWORD, "password1")]:
        refused = await server.call("changePassword", token, app, user_id=ann, old_password=old, new_password=new)
        assert refused["code"] == 201
    assert await is_signed_in(server, elsewhere)
    body = {"user_id": str(ann), "old_password": PASSWORD, "new_password": NEW}
    profile = await server.done("changePassword", token, app, **body)
    assert not await is_signed_in(server, elsewhere)
    assert profile["User"]["auth_token"] == token
    assert await is_signed_in(server, token)
    assert (await server.call("login", app=app, email=MAIL, password=PASSWORD))["code"] == 201
    await server.done("login", app=app, email=MAIL, password=NEW)
    assert await server.notices() == [("password_changed", MAIL)]


@pytest.mark.parametrize("app", APPS)
async def test_a_forgotten_password_is_replaced_with_a_code(server: Sending, app: Client) -> None:
    ann, token = await server.user("ann", password=True, email=MAIL)
    await server.done("forgotPassword", app=app, email="Ann@Example.com")
    code = await server.code(MAIL)
    early = await server.call("changePasswordForgot", app=app, email=MAIL, password=NEW)
    assert early["code"] == 201
    found = await server.done("verifyforgotPasswordCode", app=app, email=MAIL, code=code)
    assert (found["User"]["id"], found["User"]["auth_token"]) == (ann, "")
    thief = await server.call(
        "changePasswordForgot", app=app, headers=from_address("203.0.113.9"), email=MAIL, password=NEW
    )
    assert thief["code"] == 201
    profile = await server.done("changePasswordForgot", app=app, email=MAIL, password=NEW)
    assert not await is_signed_in(server, token)
    assert await is_signed_in(server, profile["User"]["auth_token"])
    again = await server.call("changePasswordForgot", app=app, email=MAIL, password="another sesame")
    assert again["code"] == 201
    await server.done("login", app=app, email=MAIL, password=NEW)
    assert await server.notices() == [("password_changed", MAIL)]


async def test_a_forgotten_password_is_replaced_by_phone_too(server: Sending) -> None:
    await server.user("ann", phone="+4915123456789")
    await server.done("forgotPassword", email="+4915123456789")
    code = await server.code("+4915123456789")
    await server.done("changePasswordForgot", email="+4915123456789", password=NEW, code=code)
    await server.done("login", email="+49 151 23456789", password=NEW)


async def test_the_reset_does_not_tell_who_has_an_account(server: Sending) -> None:
    await server.user("ann", password=True, email=MAIL)
    for body in [{}, {"code": "123456"}, {"password": NEW}]:
        endpoint = {0: "forgotPassword", 1: "verifyforgotPasswordCode", 2: "changePasswordForgot"}[
            0 if not body else 1 if "code" in body else 2
        ]
        known = await server.call(endpoint, email=MAIL, **body)
        assert known == await server.call(endpoint, email="nobody@example.com", **body)
    assert await server.codes() == 1, "only the account's code is sent"
    jobs = await server.database.fetchval("select count(*) from pgqueuer where entrypoint = 'deliver_code'")
    assert jobs == 2, "the same work for both"


async def test_of_two_resets_at_the_same_time_one_counts(server: Sending) -> None:
    await server.user("ann", password=True, email=MAIL)
    await server.done("forgotPassword", email=MAIL)
    await server.done("verifyforgotPasswordCode", email=MAIL, code=await server.code(MAIL))
    passwords = [f"sesame number {number}" for number in range(4)]
    answers = await asyncio.gather(
        *(server.call("changePasswordForgot", email=MAIL, password=password) for password in passwords)
    )
    assert sorted(answer["code"] for answer in answers) == [200, 201, 201, 201]
    (winner,) = [p for p, answer in zip(passwords, answers, strict=True) if answer["code"] == 200]
    await server.done("login", email=MAIL, password=winner)


async def test_a_banned_user_cannot_come_back_with_a_reset(server: Sending) -> None:
    ann, _ = await server.user("ann", email=MAIL)
    await server.apps.ban(ann)
    await server.done("forgotPassword", email=MAIL)
    answer = await server.call("changePasswordForgot", email=MAIL, password=NEW, code=await server.code(MAIL))
    assert "have been blocked" in answer["msg"]


@pytest.mark.parametrize("by", ["login", "reset"])
async def test_a_deleted_account_comes_back_within_its_grace(server: Sending, by: str) -> None:
    ann, token = await server.user("ann", password=True, email=MAIL)
    await server.accounts.sessions.revoke_all(ann)
    await server.database.execute("update app_user set deleted_at = now() where id = $1", ann)
    server.accounts.sessions.forget(ann)
    assert not await is_signed_in(server, token)
    if by == "login":
        wrong = await server.call("login", email=MAIL, password="open barley")
        assert wrong["msg"] == "The name or the password is wrong."
        profile = await server.done("login", email=MAIL, password=PASSWORD)
    else:
        await server.done("forgotPassword", email=MAIL)
        await server.done("verifyforgotPasswordCode", email=MAIL, code=await server.code(MAIL))
        profile = await server.done("changePasswordForgot", email=MAIL, password=NEW)
    assert profile["User"]["id"] == ann
    assert await is_signed_in(server, profile["User"]["auth_token"])
    assert not await is_signed_in(server, token)
