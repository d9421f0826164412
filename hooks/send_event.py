"""Hook script that MediaMTX runs when a path goes online or offline.

Usage: `python -I -S send_event.py <hook file> online|offline`

It posts the event to our hooks listener and gives up after 3 s, because MediaMTX waits for it when it stops. It starts
for every event, so it imports only fast modules: `json` would add a fifth to its run time, `urllib` would triple it. The
hook file has two lines, address and secret. The environment also contains the publisher's query with
the stream key: the script reads only the three variables below.
"""

import os
import socket
import sys
from binascii import b2a_base64
from time import monotonic, sleep

GIVE_UP_S = 3.0
"""Deadline for all attempts. Larger: MediaMTX stops more slowly, or is killed before its offline hooks ran."""
PAUSES_S = (0.1, 0.2, 0.4)
"""Backoff between attempts; the last one repeats."""
EVENTS = ("online", "offline")


class Failed(Exception):
    """An error that a retry cannot fix. The text has no secrets."""


def main(argv: list[str]) -> int:
    event = argv[2] if len(argv) == 3 else ""
    try:
        if event not in EVENTS:
            raise Failed("usage: send_event.py <hook file> online|offline")
        address, secret = read_hook_file(argv[1])
        host, port, target = parse_address(address)
        send(host, port, request(host, port, target, secret, body(event)))
    except Failed as failure:
        sys.stderr.write(f"send_event: {event}: {failure}\n")
        return 1
    except KeyboardInterrupt:  # MediaMTX interrupts an online hook when the path goes offline
        return 1
    return 0


def read_hook_file(path: str) -> tuple[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            address, secret = file.read().splitlines()
    except OSError as error:
        raise Failed(f"the hook file cannot be read: {error.strerror}") from None
    except ValueError:
        raise Failed("the hook file does not have two lines") from None
    return address, secret


def parse_address(address: str) -> tuple[str, int, str]:
    """Split `http://127.0.0.1:9080/hooks/event` or `http://[::1]:9080/…` into host, port and path."""
    scheme, _, rest = address.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.rpartition(":")
    if scheme != "http" or not host or not (port.isascii() and port.isdigit()):
        raise Failed("the hook file does not begin with an address such as http://127.0.0.1:9080/hooks/event")
    return host.strip("[]"), int(port), f"/{path}"


def body(event: str) -> str:
    names = {"path": "MTX_PATH", "source_type": "MTX_SOURCE_TYPE", "source_id": "MTX_SOURCE_ID"}
    fields = {"event": event} | {field: os.environ.get(name, "") for field, name in names.items()}
    return "{" + ",".join(f'"{field}":{quoted(text)}' for field, text in fields.items()) + "}"


def quoted(text: str) -> str:
    """Quote a JSON string. Raises Failed for characters that no path, type or id of MediaMTX contains."""
    if not text.isascii() or not text.isprintable() or '"' in text or "\\" in text:
        raise Failed("a variable contains characters that no path, type or id can have")
    return f'"{text}"'


def request(host: str, port: int, target: str, secret: str, text: str) -> bytes:
    authorization = b2a_base64(f"mediamtx:{secret}".encode(), newline=False).decode()
    lines = (
        f"POST {target} HTTP/1.1",
        f"Host: {f'[{host}]' if ':' in host else host}:{port}",
        f"Authorization: Basic {authorization}",
        "Content-Type: application/json",
        f"Content-Length: {len(text)}",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode()


def send(host: str, port: int, message: bytes) -> None:
    """Send until the listener accepts or refuses the message. Raises Failed if it refuses or at the deadline."""
    end = monotonic() + GIVE_UP_S
    attempt = 0
    while True:
        try:
            status = exchange(host, port, message, end, attempt)
            if 200 <= status < 300:
                return
            why = f"answered {status}"
            if 400 <= status < 500:
                raise Failed(why)
        except OSError as error:
            why = error.strerror or str(error)
        pause_s = PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
        if monotonic() + pause_s >= end:
            raise Failed(f"given up after {GIVE_UP_S:.0f} s: {why}")
        sleep(pause_s)
        attempt += 1


def exchange(host: str, port: int, message: bytes, end: float, attempt: int) -> int:
    """Send the message once and return the HTTP status. Raises OSError, also at the deadline."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[attempt % len(found)]
    with socket.socket(family, kind, protocol) as connection:
        connection.settimeout(left_s(end))
        connection.connect(address)
        connection.sendall(message)
        head = b""
        while b"\r\n" not in head and len(head) < 1024:
            connection.settimeout(left_s(end))
            chunk = connection.recv(1024)
            if not chunk:
                break
            head += chunk
    words = head.split(b" ", 2)
    if len(words) < 2 or not head.startswith(b"HTTP/1.") or not words[1].isdigit():
        raise OSError("the answer is not HTTP")
    return int(words[1])


def left_s(end: float) -> float:
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


if __name__ == "__main__":
    sys.exit(main(sys.argv))
