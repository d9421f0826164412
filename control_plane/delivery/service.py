"""A mail server or an SMS gateway, named by a URL of apprise (https://appriseit.com/services).

apprise knows the protocols. It takes recipients from its URL, so each message gets a service of its own whose recipients
are replaced, and which is refused unless it has exactly this one. Its own log holds addresses and bodies, so it is
switched off, and so are those of the libraries below it.
"""

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import apprise
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.email import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.messenger import Message, Messenger, NotDelivered

DEADLINE_S = 30.0
"""For one message. Shorter: slow mail servers get each message several times. Longer: codes of other users wait."""
ANSWER_S = 10.0
"""For one answer of the server. Shorter: fails with mail servers that hold back their greeting against spam."""
_EXAMPLES = {
    Channel.EMAIL: Contact(Channel.EMAIL, "someone@example.com"),
    Channel.PHONE: Contact(Channel.PHONE, "+4915123456789"),
}
_SETTINGS = {Channel.EMAIL: "LIVE_MAIL_URL", Channel.PHONE: "LIVE_SMS_URL"}
_ASSET = apprise.AppriseAsset(app_id="stagedoor", http_redirects=False)
"""The name of the program in headers, which hold ASCII alone. Redirects are refused: a message holds a code, and its
headers can hold the gateway's credentials."""
MOST_AT_ONCE = 32
"""Messages under way, including those whose deadline has passed while the server still holds the connection. Fewer: a
hanging server fails more messages at once. More: it holds more threads and connections."""
_under_way: set[Future[Any]] = set()

for name in ("apprise", "requests", "urllib3"):
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class UnusableService(ControlPlaneError):
    """The URL of a setting names no service that can send to one recipient. The text never quotes the URL."""

    code = "unusable_service"
    kind = ErrorKind.STOPS


class Service:
    """Sends on one channel. `product_name`: the sender's name in mails."""

    def __init__(self, channel: Channel, url: str, product_name: str) -> None:
        """Raises UnusableService."""
        self._channel = channel
        self._sender = product_name
        self._parts = _parsed(channel, url)
        self._checked = self._to(_EXAMPLES[channel])

    async def send(self, to: Contact, message: Message) -> None:
        """Raises NotDelivered."""
        if not await self._in_a_thread(self._send, to, message):
            raise NotDelivered(f"The {_name(self._channel)} refused the message, or does not answer.")

    async def check(self) -> str:
        """Connect, and sign in to a mail server, without sending. Returns the host. Raises NotDelivered."""
        host: str = await self._in_a_thread(self._connect)
        return host

    async def _in_a_thread(self, function: Any, *arguments: Any) -> Any:
        if len(_under_way) >= MOST_AT_ONCE:
            raise NotDelivered(f"The {_name(self._channel)} does not answer, and {MOST_AT_ONCE} messages wait for it.")
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.wrap_future(_started(partial(function, *arguments)))
        except TimeoutError:
            raise NotDelivered(f"The {_name(self._channel)} did not answer in time.") from None

    def _send(self, to: Contact, message: Message) -> bool:
        is_html = self._channel is Channel.EMAIL and message.html != ""
        try:
            service = self._to(to)
        except UnusableService:  # the setting was checked at the start, so it is the address
            raise NotDelivered(f"The {_name(self._channel)} cannot send to such an address.") from None
        try:
            return bool(
                service.notify(
                    title=message.subject if self._channel is Channel.EMAIL else "",
                    body=message.html if is_html else message.text,
                    body_format=apprise.NotifyFormat.HTML if is_html else apprise.NotifyFormat.TEXT,
                )
            )
        except Exception as error:  # any of the many services; the error's text may hold the address or the URL
            raise NotDelivered(f"The {_name(self._channel)} failed ({type(error).__name__}).") from None

    def _to(self, to: Contact) -> Any:
        """A service of apprise with this one recipient."""
        parts = {**self._parts, "targets": [to.address]}
        if self._is_json:
            parts["payload"] = {**self._parts.get("payload", {}), "to": to.address}
        service: Any = apprise.Apprise.instantiate(parts, asset=_ASSET)
        if service is None:
            raise UnusableService(f"{_SETTINGS[self._channel]} is incomplete. docs/operations.md has examples.")
        if isinstance(service, NotifyEmail):
            name, address = service.from_addr
            service.headers["Auto-Submitted"] = "auto-generated"  # no answer of an absent person
            service.from_addr = [name if name and name != _ASSET.app_id else self._sender, address]
        if not self._is_json and not _only(service, to):
            raise UnusableService(
                f"{_SETTINGS[self._channel]} names a service that does not send to one {self._channel} address."
            )
        return service

    @property
    def _is_json(self) -> bool:
        """The JSON POST for gateways that apprise has no service for: the recipient is the key `to`."""
        return self._parts["schema"] in NotifyJSON.protocol or self._parts["schema"] in NotifyJSON.secure_protocol

    def _connect(self) -> str:
        service = self._checked
        if isinstance(service, NotifyEmail):
            return _signed_in(service)
        fixed = urlsplit(getattr(service, "notify_url", ""))
        host = str(service.host if self._is_json else fixed.hostname or "")
        if not host:
            return ""
        is_secure = service.secure if self._is_json else fixed.scheme == "https"
        port = (service.port if self._is_json else fixed.port) or (443 if is_secure else 80)
        try:
            socket.create_connection((host, port), ANSWER_S).close()
        except OSError as error:
            raise NotDelivered(f"{host}:{port} does not answer ({type(error).__name__}).") from None
        return f"{host}:{port}"


def _signed_in(service: Any) -> str:
    """Sign in to the mail server. Returns its host and port. Raises NotDelivered."""
    place = f"{service.smtp_host}:{service.port}"
    try:
        with AppriseSMTPController(
            host=service.smtp_host,
            port=service.port,
            secure_mode=service.secure_mode,
            user=service.user,
            password=service.password,
            verify_certificate=service.verify_certificate,
            socket_connect_timeout=int(ANSWER_S),
        ):
            return place
    except smtplib.SMTPAuthenticationError:
        raise NotDelivered(f"{place} refuses the user name or the password.") from None
    except (OSError, smtplib.SMTPException, RuntimeError) as error:
        raise NotDelivered(f"{place} does not answer ({type(error).__name__}).") from None


class Services:
    """The messenger of a server that is set up to send. `otherwise` sends on the channels without a service."""

    def __init__(self, services: Mapping[Channel, Service], otherwise: Messenger) -> None:
        self._services = services
        self._otherwise = otherwise

    @property
    def channels(self) -> Collection[Channel]:
        return {*self._services, *self._otherwise.channels}

    async def send(self, to: Contact, message: Message) -> None:
        await self._services.get(to.channel, self._otherwise).send(to, message)


def services(mail_url: str, sms_url: str, product_name: str) -> dict[Channel, Service]:
    """The services whose URLs are given. Raises UnusableService."""
    urls = {Channel.EMAIL: mail_url, Channel.PHONE: sms_url}
    return {channel: Service(channel, url, product_name) for channel, url in urls.items() if url}


def _started(work: Callable[[], Any]) -> Future[Any]:
    """Run this in a thread that does not keep the process from ending, as those of an executor do."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            _under_way.discard(future)
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        else:
            _under_way.discard(future)
            if future.set_running_or_notify_cancel():
                future.set_result(result)

    _under_way.add(future)
    Thread(target=run, name="delivery", daemon=True).start()
    return future


def _parsed(channel: Channel, url: str) -> dict[str, Any]:
    schema = url.partition("://")[0].lower()
    known = apprise.plugins.N_MGR
    parts = known[schema].parse_url(url) if schema in known else None
    if not parts:
        raise UnusableService(
            f"{_SETTINGS[channel]} is not the URL of a service that Stagedoor can send with, such as "
            + (
                "mailtos://user:password@mail.example.com?from=no-reply@example.com."
                if channel is Channel.EMAIL
                else "jsons://gateway.example.com/send."
            )
        )
    if any(parts.get(copies) for copies in ("cc", "bcc")):
        raise UnusableService(f"{_SETTINGS[channel]} must not have cc or bcc: codes are secret.")
    return {**parts, "schema": schema, "cto": parts.get("cto") or ANSWER_S, "rto": parts.get("rto") or ANSWER_S}


def _only(service: Any, to: Contact) -> bool:
    """Whether this is the service's one recipient. Each service writes recipients in its own form, for instance as
    (name, address), and phone numbers with or without the plus."""
    targets = list(getattr(service, "targets", ()))
    if len(targets) != 1:
        return False
    parts = [targets[0]] if isinstance(targets[0], str) else list(targets[0])
    wanted = to.address.removeprefix("+")
    return any(isinstance(part, str) and part.removeprefix("+") == wanted for part in parts)


def _name(channel: Channel) -> str:
    return "mail server" if channel is Channel.EMAIL else "SMS gateway"
