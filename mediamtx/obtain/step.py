"""Run an external program as a set-up step, with a timeout; a failure carries the last line of its output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[str], None]
"""Shows one line of progress to the user."""

_STILL_AT_IT_S = 15.0
"""Interval between progress lines while a step runs."""


class StepFailed(Exception):
    """A step failed. The text is the reason, in one line."""


def last_words(output: str) -> str:
    """The last line that is not blank."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""


def run_step(
    argv: Sequence[str | Path],
    *,
    progress: Progress,
    what: str,
    timeout_s: float,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    why: Callable[[str], str] = last_words,
) -> str:
    """Run the program in its own process group and return its standard output; `what` names the step to the user.

    Raises StepFailed. `why` extracts the reason from standard error, or from standard output if it finds none.
    """
    progress(what)
    started_at = time.monotonic()
    process: subprocess.Popen[str] | None = None
    try:
        try:
            with _signals_deferred() as arrived:
                process = subprocess.Popen(
                    argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True, errors="replace", process_group=0,
                )  # fmt: skip
        except OSError as error:
            raise StepFailed(f"{what}: {error.strerror or error}") from error
        for number in arrived:
            signal.raise_signal(number)
        while True:
            elapsed_s = time.monotonic() - started_at
            try:
                stdout, stderr = process.communicate(timeout=min(_STILL_AT_IT_S, max(timeout_s - elapsed_s, 0)))
                break
            except subprocess.TimeoutExpired:
                elapsed_s = time.monotonic() - started_at
                if elapsed_s >= timeout_s:
                    raise StepFailed(f"{what}: not done after {timeout_s:.0f} s") from None
                progress(f"{what}: {elapsed_s:.0f} s")
    finally:
        if process is not None:
            _end_group(process)
    if process.returncode != 0:
        raise StepFailed(f"{what}: {why(stderr) or why(stdout) or f'exit status {process.returncode}'}")
    return stdout


@contextmanager
def _signals_deferred() -> Iterator[list[int]]:
    """Collect signals, to be raised afterwards: a handler that raises an exception while the program is started would leave
    it running."""
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # signals are handled in the main thread only
        yield arrived
        return
    before = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _end_group(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
