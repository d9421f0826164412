"""Password hashing (argon2id), off the event loop in a bounded thread pool."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

_hasher = PasswordHasher()
# Each hash takes 64 MiB. More workers use more memory at once, fewer make sign-ups wait longer.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="password")


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)
