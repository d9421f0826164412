"""Command line of the benchmarks: `python -m bench <name> [--quick]`."""

from __future__ import annotations

import argparse
import asyncio
from importlib import import_module

BENCHES = {
    "callback": "auth callback against a bare server: CPU, p50, p99; alone, with 1,000 sockets, with 20 probed streams",
    "joins": "viewers joining through the real MediaMTX, with our callback, a bare one, and none",
    "endpoints": "each endpoint of the contract against a plain handler with SQL of its own",
    "gifts": "gifts: 64 callers against the usual way and pgbench, a lone gift, and 2 million gifts in the tables",
    "feed": "feed and other reads with 200,000 videos, 100,000 users and gifts each; generic and automatic plans",
    "live": "from an accepted publish to `live` at a socket",
    "listing": "`/live` with 5,000 streams: how long it blocks the loop, and a call's CPU at 10 and 10,000 calls/s",
    "likes": "64 callers who like one video against 64 who like 64 videos",
    "push": "a live start to 100,000 followers: time to queue its push messages, and calls while they are sent",
    "start": "warm start to /readyz",
    "reconciler": "500 and 5,000 quiet streams: a pass of the reconciler, how long it blocks, a second of the prober",
    "memory": "memory at rest and per idle socket",
    "pool": "a use of a database connection, our pool against asyncpg's",
    "upload": "postVideo with 500 MB against a plain handler that writes the form to the disk; the server's memory",
    "playable": "from the end of an upload until its video plays, against one ffmpeg command that makes the same files",
    "glass": "glass to glass and page to first frame, our watch page against MediaMTX's own pages",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Benchmarks; bench/README.md explains how to read them.",
        epilog="\n".join(f"  {name:10} {what}" for name, what in BENCHES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=BENCHES, metavar="NAME", help="the benchmark; see below")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: fast, with rough figures")
    arguments = parser.parse_args()
    asyncio.run(import_module(f"bench.{arguments.name}").run(arguments.quick))


if __name__ == "__main__":
    main()
