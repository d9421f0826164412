#!/usr/bin/env python3
"""Makes everything ready that `make run` or `make test` needs: the virtual environment, the locked packages, MediaMTX, a browser.

Standard library only, and old syntax: it is the first thing that runs, perhaps under an old Python. Each step has a time-out, shows that it
works, and when it fails says why and what to do. What is ready is left alone, so that a second start costs nothing.
"""

import hashlib
import os
import shutil
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
        "Python %d.%d or newer is needed, and this is %d.%d. Install it, then try again."
        % (OLDEST + sys.version_info[:2])
    )


def environment():
    python = os.path.join(VENV, "bin", "python")
    if not os.path.exists(python) or subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) != 0:
        hint = "On Debian and Ubuntu the package python3-venv has what may be missing."
        step("Making a virtual environment", [sys.executable, "-m", "venv", "--clear", VENV], 120, hint)
    return python


def packages(python, which):
    lock = os.path.join(HERE, "requirements", which + ".lock")
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes", "-r", lock]
    hint = "The packages come from the Python package index that pip is set up for; is it reachable?"
    once(which, digest(lock), "Installing the locked packages (%s)" % which, command, 900, hint)


def project(python):
    """Editable, so that the command `stagedoor` runs this checkout."""
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
    """Looks at once when it is there; it says itself what it does when it has to be fetched or built."""
    command = [python, "-m", "mediamtx", "obtain"]
    if subprocess.call(command, cwd=HERE, stdout=subprocess.DEVNULL) != 0:
        fail("MediaMTX is missing; the lines above say why.")


def page_tools(python):
    """What checks the pages' scripts. It looks at once when it is there, and says itself what it does when it has to be installed."""
    if subprocess.call([python, "-m", "tests.page_tools", "install"], cwd=HERE) != 0:
        fail("The tools that check the pages are missing; the lines above say why.")


def browser(python):
    """For the tests of pages: the system's, one that Playwright has, or the distribution's package where we may install it."""
    if any(shutil.which(name) for name in BROWSERS) or os.environ.get("LIVE_TEST_BROWSER"):
        return
    looked = subprocess.run([python, "-c", PLAYWRIGHT_HAS_ONE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if looked.returncode == 0:
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        environ = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        step("Asking for package lists", ["apt-get", "update", "-qq"], 300, "", environ)
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
        "Install Chromium or Chrome, or name one in LIVE_TEST_BROWSER.",
    )


PLAYWRIGHT_HAS_ONE = """
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not os.path.exists(p.chromium.executable_path))
"""


def once(name, state, title, command, limit_s, hint):
    """A step that leaves a stamp, and is not taken again while what it depends on is the same."""
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
            fail("stopped while: " + title)
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
