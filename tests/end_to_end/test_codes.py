"""Codes and passwords over the whole program: calls, jobs, a real SMTP server and an SMS gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.control_plane.delivery.mail_server import MailServer, mail_server
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

MAIL, PHONE = "ann@example.com", "+4915123456789"


async def mailed_code(server: MailServer) -> str:
    await until(lambda: bool(server.received), 30, what="a mail")
    recipients, mail = server.received.pop()
    assert recipients == [MAIL]
    return str(mail["Subject"])[:6]


async def test_in_production_users_sign_up_and_come_back_by_mail_and_text_message(empty: Stagedoor) -> None:
    texts: list[dict[str, Any]] = []

    async def gateway(request: web.Request) -> web.Response:
        texts.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/send", gateway)
    async with mail_server() as server, TestServer(app) as sms:
        empty.set(
            dev="0",
            product_name="Bühne",
            mail_url=server.url,
            sms_url=f"json://127.0.0.1:{sms.port}/send",
            log_level="debug",
        )
        await empty.start()
        server.to_defer = 1
        await empty.done("api/verifyRegisterEmailCode", email=MAIL)
        code = await mailed_code(server)
        profile = await empty.done("api/registerUser", email=MAIL, code=code, username="ann", password="open sesame")
        token = profile["User"]["auth_token"]
        await empty.done("api/changePhoneNo", token, phone=PHONE)
        await until(lambda: bool(texts), 30, what="a text message")
        assert texts[0]["to"] == PHONE
        assert "is your Bühne code" in texts[0]["message"]
        sent = texts[0]["message"][:6]
        await empty.done("api/verifyPhoneNo", token, user_id=profile["User"]["id"], phone=PHONE, verify=1, code=sent)
        await until(lambda: bool(server.received), 30, what="word that the number is new")
        assert str(server.received.pop()[1]["Subject"]) == "The phone number of your Bühne account was changed"

        await empty.done("api/login", email=PHONE, password="open sesame")
        _, output = await empty.command("doctor", "--json")
        found = {part["part"]: part for part in json.loads(output.strip().splitlines()[-1])}
        assert found["mail"]["state"] == found["text messages"]["state"] == "ok", found
        assert found["mail"]["text"].endswith("answers")
        async with empty.session.get(empty.url("/sandbox/codes")) as response:
            assert response.status == 404
        assert "job_retried" in empty.log, "the deferred mail came with the second attempt"
        for secret in (code, sent, MAIL, PHONE.lstrip("+"), "geheim", "open sesame"):
            assert secret not in empty.log
        assert server.received == []


async def test_a_server_that_cannot_be_used_stops_the_start_with_a_sentence(empty: Stagedoor) -> None:
    empty.set(mail_url="smtp://user:geheim@mail.example.com")
    status, output = await empty.command("run")
    assert status == 1
    assert "LIVE_MAIL_URL is not the URL of a service" in " ".join(output.split())
    assert "geheim" not in output
    assert "Traceback" not in output


async def test_in_development_mode_codes_are_in_the_log_and_in_the_sandbox(stagedoor: Stagedoor) -> None:
    address = "sandbox@example.com"
    await stagedoor.done("api/verifyRegisterEmailCode", email=address)
    async with stagedoor.session.get(stagedoor.url("/sandbox/codes")) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        listed = (await response.json())["codes"]
    (entry,) = [entry for entry in listed if entry["address"] == address]
    assert (entry["channel"], entry["purpose"]) == ("email", "sign_in")
    await until(lambda: entry["code"] in stagedoor.log, 30, what="the code in the log")
    await stagedoor.done("api/verifyRegisterEmailCode", email=address, code=entry["code"])
    async with stagedoor.session.get(
        stagedoor.url("/sandbox/codes"), headers={"Origin": "https://example.com"}
    ) as response:
        assert response.status == 403
