"""Ports that stay free until the test binds them."""

from __future__ import annotations

import itertools
import random
import socket
from contextlib import suppress

_FIRST, _END = 20_000, 32_768
"""Linux gives a program that asks for any port, and every client, one from 32768 on: none of these."""
_candidates = itertools.cycle(range(_FIRST, _END))
for _ in range(random.randrange(_END - _FIRST)):  # elsewhere than the other workers
    next(_candidates)


def free_port() -> int:
    """Free for TCP and UDP on 127.0.0.1, and another one with each call."""
    while True:
        port = next(_candidates)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, suppress(OSError):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            return port
