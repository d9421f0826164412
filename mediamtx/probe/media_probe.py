"""Probes of a MediaMTX, each in a process of its own that is killed at its deadline, and never left behind."""

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
from mediamtx.probe.order import LARGEST_ANSWER_BYTES, Answer, Order, answer_decoder, line
from mediamtx.probe.shown import shown

log = logging.getLogger(__name__)

_START_S = 4.0
"""Above the deadline: aiortc may have to be loaded, by a process that gives way to all others."""
_ENDED_S = 2.0
_COMMAND = (sys.executable, "-P", "-m", "mediamtx.probe")
_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
_JPEG = b"\xff\xd8\xff"


class _Launcher:
    """A running `python -m mediamtx.probe`, and who waits for an answer of it."""

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
        """With all its probes, which share its process group."""
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
        """Until it has ended, and all its probes."""
        assert self._process.stdout is not None
        try:
            async for told in self._process.stdout:
                self._resolve(answer_decoder.decode(told))
        finally:
            for number in list(self._waiting):
                self._resolve(Answer(number, ProbeResult(Outcome.FAILED, why="its launcher has ended")))

    def _resolve(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


class MediaMTXProbe:
    """A `Probe`, from entering to leaving. The addresses are those of MediaMTX's HLS and WebRTC servers, e.g. `http://127.0.0.1:8888`.
    `media` is asked for the codecs of what a probe saw."""

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
            await self._end()  # the next one has another
            result = ProbeResult(Outcome.FAILED, why="its launcher hangs")
        except OSError as error:
            result = ProbeResult(Outcome.FAILED, why=f"not launched: {error.strerror}")
        if result.outcome in (Outcome.PLAYING, Outcome.NOT_PLAYING):
            result = shown(result, await self._codecs(path))
        return replace(result, seconds=time.monotonic() - started)

    async def _codecs(self, path: PathName) -> Sequence[str]:
        try:
            known = await self._media.get_path(path)
        except MediaServerUnavailable:
            return ()
        return known.codecs if known else ()

    async def _running(self) -> _Launcher:
        """The launcher; another one if it has died. To start it holds up the loop: done at our start, and hardly ever again."""
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
    """In one step, in place of an earlier one. Not what is no JPEG: the folder is served, and the probe has met a stranger's media."""
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
