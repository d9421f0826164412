"""Mail through a real SMTP server, text messages through an HTTP stand-in, and the URLs that name them."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from control_plane.accounts.codes.codes import Purpose
from control_plane.accounts.codes.delivery import code_message
from control_plane.delivery import service as delivery
from control_plane.delivery.contacts import Channel, Contact, email_contact
from control_plane.delivery.letter import letter
from control_plane.delivery.messenger import NotDelivered
from control_plane.delivery.service import Service, UnusableService
from tests.control_plane.delivery.mail_server import MailServer, mail_server
from tests.ports import free_port
from tests.waiting import until

ANN = Contact(Channel.EMAIL, "ann@example.com")
PHONE = Contact(Channel.PHONE, "+4915123456789")
PRODUCT = "Bühne <&> 直播"
MESSAGE = code_message(PRODUCT, Purpose.SIGN_IN, "123456")


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def mail(server: MailServer) -> Service:
    return Service(Channel.EMAIL, server.url, PRODUCT)


class Gateway:
    """An SMS gateway: keeps the bodies that it was sent, and answers with `status`."""

    def __init__(self) -> None:
        self.received: list[Any] = []
        self.keys: list[str | None] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(await request.json())
        self.keys.append(request.headers.get("X-Key"))
        return web.Response(status=self.status, text="told you: +4915123456789")


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    app = web.Application()
    app.router.add_post("/send", gateway.take)
    async with TestServer(app) as server:
        gateway.url = f"json://127.0.0.1:{server.port}/send?+X-Key=geheim"
        yield gateway


def parts(mail: EmailMessage) -> dict[str, str]:
    return {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}


async def test_a_code_arrives_as_text_and_html_with_the_products_name(mail: Service, server: MailServer) -> None:
    await mail.send(ANN, MESSAGE)
    ((recipients, received),) = server.received
    assert recipients == ["ann@example.com"]
    assert received["To"] == "ann@example.com"
    assert received["Subject"] == f"123456 is your {PRODUCT} code"
    assert received["From"].addresses[0].display_name == PRODUCT
    assert received["From"].addresses[0].addr_spec == "no-reply@example.com"
    assert received["Auto-Submitted"] == "auto-generated"
    assert received.get_content_type() == "multipart/alternative"
    text, html = parts(received)["text/plain"], parts(received)["text/html"]
    for content in (text, html):
        assert "123456" in content
        assert "valid for 10 minutes" in content
    assert PRODUCT in text
    assert "Bühne &lt;&amp;&gt; 直播" in html
    assert "<" not in text.replace(PRODUCT, "")


@pytest.mark.parametrize(
    "address",
    [
        "spy%40example.com%2cann@example.com",
        "ann%0d%0abcc=spy@example.com",
        "ann+tag&to=spy@example.com",
        "o'ann=?utf-8?q?x?=@example.com",
        "jörg!#$%&'*+/=?^_`{|}~-@bücher.example.com",
    ],
)
async def test_an_address_is_the_only_recipient_whatever_its_characters_mean_elsewhere(
    mail: Service, server: MailServer, address: str
) -> None:
    try:
        await mail.send(email_contact(address), MESSAGE)
    except NotDelivered:
        assert server.received == []
    else:
        ((recipients, received),) = server.received
        assert recipients == [address]
        assert received["Bcc"] is None


async def test_the_recipients_of_the_url_get_nothing(server: MailServer) -> None:
    for url in (f"{server.url}&to=spy@example.com", server.url.replace("?", "/spy@example.com?")):
        await Service(Channel.EMAIL, url, PRODUCT).send(ANN, MESSAGE)
    assert [recipients for recipients, _ in server.received] == [[ANN.address]] * 2


async def test_a_subject_stays_one_header(mail: Service, server: MailServer) -> None:
    await mail.send(ANN, letter(PRODUCT, "Hello\r\nBcc: spy@example.com\r\n\r\nbody", "It is <b>me</b>."))
    ((recipients, received),) = server.received
    assert recipients == [ANN.address]
    assert received["Bcc"] is None
    assert received["Subject"] == "Hello Bcc: spy@example.com body"
    assert "&lt;b&gt;me" in parts(received)["text/html"]


async def test_a_text_message_is_one_post_with_number_and_text(gateway: Gateway) -> None:
    await Service(Channel.PHONE, gateway.url, PRODUCT).send(PHONE, MESSAGE)
    (body,) = gateway.received
    assert body["to"] == PHONE.address
    assert body["message"] == MESSAGE.text
    assert body["title"] == ""
    assert gateway.keys == ["geheim"]
    assert MESSAGE.text.startswith(f"123456 is your {PRODUCT} code.")
    assert len(MESSAGE.text) < 300


@pytest.mark.parametrize(
    "url",
    [
        "twilio://AC735c307c62944b5a9f9a9c9a9c9a9c9a:735c307c62944b5a9f9a9c9a9c9a9c9a@15551234567/15559876543",
        "vonage://abcd1234:abcdefgh12345678@15551234567/15559876543",
        "sinch://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb@15551234567",
        "plivo://aaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/15551234567",
    ],
)
def test_a_gateway_that_apprise_knows_gets_the_number_alone(url: str) -> None:
    service = Service(Channel.PHONE, url, PRODUCT)
    (target,) = service._to(PHONE).targets
    assert PHONE.address.removeprefix("+") in str(target)


async def test_a_refusal_or_an_outage_is_told_without_address_code_or_secret(
    server: MailServer, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port = free_port()
    gateway.status = 500
    refused = Contact(Channel.EMAIL, "eve@refused.example.com")
    told = []
    for url, to in [
        (server.url, refused),
        (server.url.replace("geheim", "wrong-geheim"), ANN),
        (f"mailto://stagedoor:geheim@127.0.0.1:{port}?from=no-reply@example.com", ANN),
        (gateway.url, PHONE),
        (f"json://127.0.0.1:{port}/geheim", PHONE),
    ]:
        with pytest.raises(NotDelivered) as error:
            await Service(to.channel, url, PRODUCT).send(to, MESSAGE)
        told.append(str(error.value))
        assert error.value.__cause__ is None
    await Service(Channel.EMAIL, server.url, PRODUCT).send(ANN, MESSAGE)
    everything = caplog.text + "".join(told)
    for secret in ("geheim", "123456", "ann@", "eve@", "15123456789"):
        assert secret not in everything


async def test_a_message_follows_no_redirect(gateway: Gateway) -> None:
    async def moved(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": gateway.url.replace("json://", "http://")})

    app = web.Application()
    app.router.add_post("/send", moved)
    async with TestServer(app) as server:
        service = Service(Channel.PHONE, f"json://127.0.0.1:{server.port}/send", PRODUCT)
        with pytest.raises(NotDelivered):
            await service.send(PHONE, MESSAGE)
    assert gateway.received == []


async def test_a_server_that_never_answers_fails_the_message_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_S", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))
    service = Service(Channel.EMAIL, f"mailto://127.0.0.1:{silent.getsockname()[1]}?from=a@example.com", PRODUCT)
    sending = asyncio.create_task(service.send(ANN, MESSAGE))
    with pytest.raises(NotDelivered, match="in time"):
        await sending
    connection, _ = silent.accept()
    connection.close()  # frees the thread
    silent.close()


HANGING = """
import asyncio, sys
from control_plane.delivery import service
from control_plane.delivery.contacts import email_contact
from control_plane.delivery.messenger import Message, NotDelivered
service.DEADLINE_S, service.ANSWER_S = 0.2, 600.0
mail = service.Service(service.Channel.EMAIL, sys.argv[1], "Stagedoor")
try:
    asyncio.run(mail.send(email_contact("ann@example.com"), Message("a", "b")))
except NotDelivered:
    print("failed in time")
"""


async def test_a_hanging_server_does_not_keep_the_process_from_ending() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"mailto://127.0.0.1:{silent.getsockname()[1]}?from=a@example.com"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HANGING, url, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    assert output == b"failed in time\n"


async def test_messages_that_hang_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "DEADLINE_S", 0.2)
    monkeypatch.setattr(delivery, "MOST_AT_ONCE", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        service = Service(Channel.EMAIL, f"mailto://127.0.0.1:{silent.getsockname()[1]}?from=a@example.com", PRODUCT)
        with pytest.raises(NotDelivered, match="in time"):
            await service.send(ANN, MESSAGE)
        with pytest.raises(NotDelivered, match="1 messages wait"):
            await service.send(ANN, MESSAGE)
        connection, _ = silent.accept()
        connection.close()
    await until(lambda: not delivery._under_way, what="the thread's end")


async def test_the_check_connects_and_signs_in_without_sending(server: MailServer, gateway: Gateway) -> None:
    assert (await Service(Channel.EMAIL, server.url, PRODUCT).check()).startswith("127.0.0.1:")
    assert (await Service(Channel.PHONE, gateway.url, PRODUCT).check()).startswith("127.0.0.1:")
    with pytest.raises(NotDelivered, match="refuses the user name or the password"):
        await Service(Channel.EMAIL, server.url.replace("geheim", "wrong"), PRODUCT).check()
    port = free_port()
    for channel, url in [
        (Channel.EMAIL, f"mailto://127.0.0.1:{port}?from=a@example.com"),
        (Channel.PHONE, f"json://127.0.0.1:{port}/send"),
    ]:
        with pytest.raises(NotDelivered, match="does not answer"):
            await Service(channel, url, PRODUCT).check()
    assert server.received == []
    assert gateway.received == []


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        (Channel.EMAIL, "https://geheim@example.com"),
        (Channel.EMAIL, "smtp://user:geheim@mail.example.com"),
        (Channel.EMAIL, "mailto://user:geheim@127.0.0.1:1025/?from=not-an-address"),
        (Channel.EMAIL, "mailto://127.0.0.1:1025?x=geheim"),
        (Channel.EMAIL, "mailtos://user:geheim@example.com?bcc=spy@example.com"),
        (Channel.EMAIL, "vonage://abcd1234:geheimgeheim1234@15551234567"),
        (Channel.PHONE, "mailtos://user:geheim@example.com"),
        (Channel.PHONE, "slack://geheim"),
        (Channel.PHONE, "geheim"),
        (Channel.PHONE, "sns://AHIAJGNT76XIMXDBIJYA/geheim/us-east-1"),
    ],
)
def test_a_url_that_cannot_send_to_one_person_is_refused_without_quoting_it(
    channel: Channel, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(UnusableService, match="LIVE_MAIL_URL" if channel is Channel.EMAIL else "LIVE_SMS_URL") as error:
        Service(channel, url, PRODUCT)
    assert "geheim" not in str(error.value) + caplog.text
