"""A control plane for tests to kill: starts MediaMTX, prints its pid, waits. Run by test_process.py."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mediamtx.node.config import MediaMTXConfig
from mediamtx.node.process import MediaMTXProcess


async def main(binary: str, directory: str, config: str) -> None:
    fields = json.loads(config)
    fields["hook_command"] = tuple(fields["hook_command"])
    fields["webrtc_hosts"] = tuple(fields["webrtc_hosts"])
    fields["trusted_proxies"] = tuple(fields["trusted_proxies"])
    process = MediaMTXProcess(Path(binary), MediaMTXConfig(**fields), Path(directory))
    await process.start()
    sys.stdout.write(f"{process.pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
