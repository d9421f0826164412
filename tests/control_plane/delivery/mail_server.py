"""A real SMTP server that keeps the mail it accepts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

logging.getLogger("mail.log").propagate = False
logging.getLogger("mail.log").setLevel(logging.CRITICAL)


class MailServer:
    """Accepts mail from the user `stagedoor` with the password `geheim`, and refuses recipients at refused.example.com."""

    def __init__(self) -> None:
        self.received: list[tuple[list[str], EmailMessage]] = []
        self.url = ""
        self.to_defer = 0
        """So many of the next mails are deferred, as by a server that is overloaded."""

    async def handle_RCPT(  # noqa: N802  a name of aiosmtpd
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.endswith("@refused.example.com"):
            return f"550 no such user: {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        if self.to_defer:
            self.to_defer -= 1
            return f"451 try again later, {envelope.rcpt_tos}"
        self.received.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"


def _authenticated(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"stagedoor", b"geheim")
    return AuthResult(success=is_right, handled=False)


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    handler = MailServer()

    loop = asyncio.get_running_loop()

    def connection() -> SMTP:
        return SMTP(
            handler,
            authenticator=_authenticated,
            auth_require_tls=False,
            hostname="mail",
            loop=loop,
        )

    server = await loop.create_server(connection, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        handler.url = f"mailto://stagedoor:geheim@127.0.0.1:{port}?from=no-reply@example.com"
        yield handler
