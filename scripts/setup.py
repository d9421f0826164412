#!/usr/bin/env python3
"""Set-up for `make run` and `make test`: the virtual environment, the locked packages, MediaMTX, a browser.

It uses the standard library only, and old syntax, because it runs first, perhaps under an old Python. Each step has a
timeout and shows its progress; a failure says why and what to do. Steps that are done are skipped, so a second run is
fast.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(HERE, ".venv")
OLDEST = (3, 11)
CANDIDATES = ("python3", "python3.13", "python3.12", "python3.11", "python3.14", "python")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else "run"
    if wanted not in ("run", "test"):
        fail("usage: scripts/setup.py run|test")
    if sys.version_info[:2] < OLDEST:
        newer = newer_python()
        os.execv(newer, [newer, os.path.abspath(__file__), wanted])
    python = environment()
    packages(python, "run")
    if wanted == "test":
        packages(python, "dev")
    project(python)
    media_server(python)
    if wanted == "test":
        page_tools(python)
        browser(python)


def newer_python():
    check = "import sys, venv; sys.exit(sys.version_info[:2] < %r)" % (OLDEST,)
    for name in CANDIDATES:
        path = shutil.which(name)
        if path and subprocess.call([path, "-c", check], stderr=subprocess.DEVNULL) == 0:
            return path
    fail(
        "Python %d.%d or newer is needed, but this is %d.%d. Install a newer Python, then try again."
        % (OLDEST + sys.version_info[:2])
    )


def environment():
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python) or subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) != 0:
        hint = "On Debian and Ubuntu, install the package python3-venv."
        step("Making a virtual environment", [sys.executable, "-m", "venv", "--clear", VENV], 120, hint)
    return python


def packages(python, which):
    lock = os.path.join(HERE, "requirements", which + ".lock")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", lock]
    hint = "Check that the Python package index that pip is configured for can be reached."
    once(which, digest(lock), "Installing the locked packages (%s)" % which, command, 900, hint)


def project(python):
    """Install the project as editable, so that the command `stagedoor` runs this checkout."""
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "-e",
        HERE,
    ]
    once("project", digest(os.path.join(HERE, "setup.cfg")), "Installing stagedoor", command, 120, "")


def media_server(python):
    """Obtain MediaMTX. Returns at once if it is cached; else it prints its progress while it downloads or builds it."""
    command = [python, "-m", "mediamtx", "obtain"]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.DEVNULL)
    # make sends SIGTERM to this process only. The child kills its programs, which are in process groups of their own.
    before = signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    status = process.wait()
    signal.signal(signal.SIGTERM, before)
    if status != 0:
        fail("MediaMTX is missing: see the reason above.")


def page_tools(python):
    """What checks the pages' scripts. It looks at once when it is there, and says itself what it does when it has to be installed."""
    if subprocess.call([python, "-m", "tests.page_tools", "install"], cwd=HERE) != 0:
        fail("The tools that check the pages are missing; the lines above say why.")


def browser(python):
    """Browser for the tests of pages: the system's, Playwright's, or the distribution's package if we run as root."""
    if any(shutil.which(name) for name in BROWSERS) or os.environ.get("LIVE_TEST_BROWSER"):
        return
    looked = subprocess.run([python, "-c", PLAYWRIGHT_HAS_ONE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if looked.returncode == 0:
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        environ = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        step("Updating the package lists", ["apt-get", "update", "-qq"], 300, "", environ)
        step(
            "Installing Chromium",
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
            900,
            "",
            environ,
        )
        return
    step(
        "Fetching a browser for the tests",
        [python, "-m", "playwright", "install", "chromium"],
        600,
        "Install Chromium or Chrome, or set LIVE_TEST_BROWSER to its path.",
    )


PLAYWRIGHT_HAS_ONE = """
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not os.path.exists(p.chromium.executable_path))
"""


def once(name, state, title, command, limit_s, hint):
    """Run a step and record `state` in a stamp file; skip the step while the recorded state is the same."""
    stamp = os.path.join(VENV, "." + name + ".done")
    try:
        with open(stamp) as file:
            if file.read() == state:
                return
    except OSError:
        pass
    step(title, command, limit_s, hint)
    with open(stamp, "w") as file:
        file.write(state)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def step(title, command, limit_s, hint, environ=None):
    say(title + " …")
    started = time.time()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=HERE, env=environ)
        done = threading.Event()
        waiting = threading.Thread(target=show_waiting, args=(title, started, done), daemon=True)
        waiting.start()
        try:
            status = process.wait(limit_s)
            why = "it ended with status %d" % status
        except subprocess.TimeoutExpired:
            process.kill()
            status, why = 1, "it took longer than %d s" % limit_s
        except KeyboardInterrupt:
            process.kill()
            fail("interrupted during: " + title)
        finally:
            done.set()
        if status != 0:
            output.seek(0)
            sys.stderr.write(output.read()[-3000:].decode("utf-8", "replace"))
            fail("%s failed: %s. %s" % (title, why, hint))


def show_waiting(title, started, done):
    while not done.wait(10):
        say("%s … %d s" % (title, time.time() - started))


def say(text):
    sys.stderr.write("setup: " + text + "\n")
    sys.stderr.flush()


def fail(text):
    say(text)
    sys.exit(1)


if __name__ == "__main__":
    main()
