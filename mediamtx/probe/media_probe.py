"""Probe streams of a MediaMTX. Each probe is a process that is killed at its deadline and never outlives us."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from control_plane.base import child
from control_plane.base.child import Kind
from control_plane.streams.media.model import MediaServer, MediaServerUnavailable, PathName
from control_plane.streams.probing.model import Outcome, ProbeKey, ProbeResult
from mediamtx.probe.messages import LARGEST_ANSWER_BYTES, Answer, Order, answer_decoder, line
from mediamtx.probe.playability import playability

log = logging.getLogger(__name__)

_START_S = 7.0
"""Time added to a probe's deadline: the launcher starts, importing aiortc at a low priority, and a probe has `OVERTIME_S`.
Smaller: the first probe on a busy machine counts as hanging."""
_ENDED_S = 2.0
_COMMAND = (sys.executable, "-P", "-m", "mediamtx.probe")
_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
_JPEG = b"\xff\xd8\xff"


class _Launcher:
    """A running `python -m mediamtx.probe`, with a future for each pending order."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._listening = asyncio.create_task(self._listen(), name="probe-answers")

    @classmethod
    async def start(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            env=child.environment(child.account_for(Kind.WORKER), *_OF_PYTHON),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=2 * LARGEST_ANSWER_BYTES,
            start_new_session=True,
        )
        return cls(process)

    @property
    def gone(self) -> bool:
        return self._process.returncode is not None or self._listening.done()

    def order(self, order: Order) -> asyncio.Future[Answer]:
        answer = self._waiting[order.number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(line(order))
        return answer

    async def end(self) -> None:
        """Kill the launcher and all its probes, which share its process group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDED_S):
                await self._process.wait()
        except TimeoutError:
            log.warning("probe_launcher_not_gone", extra={"pid": self._process.pid})
        finally:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        """Resolve answers until the launcher and all its probes have ended; then fail the pending orders."""
        assert self._process.stdout is not None
        try:
            async for message in self._process.stdout:
                self._resolve(answer_decoder.decode(message))
        finally:
            for number in list(self._waiting):
                self._resolve(Answer(number, ProbeResult(Outcome.FAILED, why="the probe launcher has ended")))

    def _resolve(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


class MediaMTXProbe:
    """A `Probe`, used as an async context manager.

    The URLs are those of MediaMTX's HLS and WebRTC servers, e.g. `http://127.0.0.1:8888`. `media` lists the codecs of a
    probed path.
    """

    def __init__(self, hls_url: str, webrtc_url: str, media: MediaServer, start_s: float = _START_S) -> None:
        self._hls_url = hls_url
        self._webrtc_url = webrtc_url
        self._media = media
        self._start_s = start_s
        self._numbers = itertools.count(1)
        self._launcher: _Launcher | None = None
        self._launching = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._running()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._end()

    async def probe(self, path: PathName, key: ProbeKey, picture: Path | None, deadline_s: float) -> ProbeResult:
        order = Order(
            number=next(self._numbers),
            whep_url=f"{self._webrtc_url}/{path}/whep",
            hls_url=f"{self._hls_url}/{path}/index.m3u8",
            key=key,
            deadline_s=deadline_s,
            picture=picture is not None,
        )
        started = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s + self._start_s):
                answer = await (await self._running()).order(order)
                result = answer.result
                if picture is not None:
                    result = replace(result, pictured=await asyncio.to_thread(_keep, answer.picture, picture))
        except TimeoutError:
            await self._end()  # the next probe starts another launcher
            result = ProbeResult(Outcome.FAILED, why="the probe launcher hangs")
        except OSError as error:
            result = ProbeResult(Outcome.FAILED, why=f"not launched: {error.strerror}")
        if result.outcome in (Outcome.PLAYING, Outcome.NOT_PLAYING):
            result = playability(result, await self._codecs(path))
        return replace(result, seconds=time.monotonic() - started)

    async def _codecs(self, path: PathName) -> Sequence[str]:
        try:
            known = await self._media.get_path(path)
        except MediaServerUnavailable:
            return ()
        return known.codecs if known else ()

    async def _running(self) -> _Launcher:
        """Return the launcher; restart it if it has died. A start blocks the event loop, so the first is on entry."""
        async with self._launching:
            if self._launcher is None or self._launcher.gone:
                await self._end()
                self._launcher = await _Launcher.start()
            return self._launcher

    async def _end(self) -> None:
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            await launcher.end()


def _keep(picture: bytes, file: Path) -> bool:
    """Replace the picture file atomically. False if it failed or `picture` is not a JPEG.

    The folder is served to browsers, and a probe that has decoded hostile media may return anything.
    """
    if not picture.startswith(_JPEG):
        return False
    temporary = file.with_name(f".{file.name}.new")
    try:
        temporary.write_bytes(picture)
        temporary.replace(file)
    except OSError as error:
        log.warning("picture_not_kept", extra={"file": file.name, "why": error.strerror})
        temporary.unlink(missing_ok=True)
        return False
    return True
