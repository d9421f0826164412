"""The documents compared with the code: links, names of settings and files, frames, codes, log events."""

from __future__ import annotations

import configparser
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.contract import facts
from api.contract.errors import CODES, DONE, LOG_OUT
from api.documentation.asyncapi import asyncapi
from api.http.urls import Urls
from api.live_socket.frames import NOT_YET
from api.sections import registry
from api.sockets.frames import CloseCode
from control_plane.config.document import markdown
from control_plane.config.loading import describe, load
from control_plane.streams.access import Verdict
from control_plane.streams.model import EndReason
from tests.api.documentation.asyncapi_rules import misfits

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("bench/*.md")])
PACKAGES = ("api", "control_plane", "ffmpeg_fixtures", "hooks", "mediamtx", "stagedoor")
LEADS_TO_FILES = re.compile(rf"(?:{'|'.join(PACKAGES)}|bench|docs|examples|requirements|scripts|tests)/[\w./-]*")
DESCRIBED = asyncapi(Urls("live.example.com", 8080, 1935, 8888, 8889, 8890))

ids = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
each = pytest.mark.parametrize("document", DOCUMENTS, ids=ids)


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


@functools.cache
def sources() -> str:
    return "".join(path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def quoted(text: str) -> list[str]:
    """Texts in `backticks`."""
    return re.findall(r"`([^`\n]+)`", without_code(text))


def anchors(text: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(document: Path) -> Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(document.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            yield link


def table(text: str, heading: str) -> list[list[str]]:
    """Rows of the first table below a heading, without its header."""
    below = text.partition(f"# {heading}\n")[2]
    assert below, f"there is no heading {heading}"
    found = re.search(r"\|[-|]+\|\n((?:\|.*\|\n)+)", below)
    assert found, f"there is no table below {heading}"
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in found[1].splitlines()]


@each
def test_links_lead_somewhere(document: Path) -> None:
    assert list(dead_links(document)) == []


@each
def test_settings_that_are_named_exist(document: Path) -> None:
    known = {setting.variable for setting in describe()} | {"LIVE_CONFIG"}
    named = set(re.findall(r"\bLIVE_[A-Z0-9_]+\b(?!_?…)", document.read_text()))
    assert named - known == set()


@each
def test_files_that_are_named_exist(document: Path) -> None:
    named = {word for word in quoted(document.read_text()) if LEADS_TO_FILES.fullmatch(word)}
    assert {word for word in named if not (ROOT / word).exists()} == set()


@each
def test_documents_stand_alone(document: Path) -> None:
    assert not re.search(r"/tmp/|\bTODO\b", document.read_text())


@each
def test_json_and_settings_can_be_read(document: Path, tmp_path: Path) -> None:
    text = document.read_text()
    for block in code_blocks(text, "json"):
        json.loads(block)
    for block in code_blocks(text, "toml"):
        config = tmp_path / "stagedoor.toml"
        config.write_text(block)
        load({"LIVE_CONFIG": str(config)})


def test_the_list_of_settings_is_not_stale(tmp_path: Path) -> None:
    assert text_of("settings.md") == markdown(), (
        "run: .venv/bin/python -m control_plane.config.document > docs/settings.md"
    )
    (example,) = code_blocks(text_of("settings.md"), "toml")
    config = tmp_path / "stagedoor.toml"
    config.write_text(example)
    assert load({"LIVE_CONFIG": str(config)}).grace_s == 120


# ── architecture ──


def layers(contract: str) -> list[set[str]]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = [
        re.sub(r"\(\w+\)", "", line) for line in setup[contract]["layers"].strip().splitlines()
    ]  # without optional ones
    return [names for line in lines if (names := set(re.findall(r"\w+", line)))]


def test_the_table_of_packages_is_what_the_linter_checks() -> None:
    upper = layers("importlinter:contract:packages")
    below = {name: set().union(*upper[at + 1 :]) for at, names in enumerate(upper) for name in names}
    described = {
        row[0].strip("`/"): set(re.findall(r"`(\w+)`", row[2])) for row in table(text_of("architecture.md"), "Packages")
    }
    assert described == below


def test_the_folders_of_the_domain_are_described_in_their_order() -> None:
    rows = re.findall(
        r"^\| (`control_plane/\w+/`(?:, `control_plane/\w+/`)*) \|", text_of("architecture.md"), re.MULTILINE
    )
    described = [set(re.findall(r"control_plane/(\w+)/", row)) for row in rows]
    assert described == layers("importlinter:contract:domain")


# ── the live socket ──


@pytest.mark.parametrize("example", code_blocks(text_of("live-socket.md"), "json"))
def test_frames_that_are_shown_are_as_the_schema_says(example: str) -> None:
    assert misfits(DESCRIBED, "send", json.loads(example)) == []


@pytest.mark.parametrize("example", code_blocks(text_of("personal-socket.md"), "json"))
def test_frames_of_the_personal_socket_are_as_the_schema_says(example: str) -> None:
    assert misfits(DESCRIBED, "send", json.loads(example), "me") == []


def test_frames_in_tables_are_as_the_schema_says() -> None:
    frames: list[tuple[str, dict[str, Any]]] = []
    for sent, answered, *_ in table(text_of("live-socket.md"), "Frames from the client"):
        frames.append(("receive", json.loads(sent.strip("`"))))
        frames.append(("send", json.loads(re.findall(r"`([^`]+)`", answered)[0])))
    assert len(frames) == 4
    for action, frame in frames:
        assert misfits(DESCRIBED, action, frame) == []


def test_every_close_code_is_documented() -> None:
    documented = {int(row[0]) for row in table(text_of("live-socket.md"), "Close codes")}
    assert documented == {code.value for code in CloseCode} | {1006}


def test_every_reason_for_the_end_and_every_frame_to_come_is_documented() -> None:
    words = set(quoted(text_of("live-socket.md")))
    assert {reason.value for reason in EndReason} | NOT_YET <= words


def test_every_error_that_a_socket_may_answer_is_one_of_the_platform() -> None:
    rows = table(text_of("live-socket.md"), "Refusals")
    codes = {code for row in rows for code in re.findall(r"`([a-z_]+)`", row[0])}
    assert len(codes) > 10
    assert {code for code in codes if f'"{code}"' not in sources()} == set()


# ── the contract ──


def test_every_code_of_the_contract_is_documented() -> None:
    documented = {int(row[0]) for row in table(text_of("integration.md"), "Codes")}
    assert documented == {*CODES.values(), DONE, LOG_OUT}


# ── operating it ──


def test_log_events_that_are_documented_are_written() -> None:
    events = {event for row in table(text_of("operations.md"), "Logs") for event in re.findall(r"`(\w+)`", row[0])}
    assert len(events) > 20
    assert {event for event in events if f'"{event}"' not in sources()} == set()


def test_every_background_job_is_documented() -> None:
    jobs = re.findall(r"^ +(\w+)\.bind\(", (ROOT / "stagedoor/parts/jobs.py").read_text(), re.MULTILINE)
    table = text_of("operations.md").partition("## Background jobs")[2].partition("```")[0]
    assert jobs
    assert [job for job in jobs if f"`{job}`" not in table] == []


def test_every_reason_of_a_refusal_is_documented() -> None:
    words = set(quoted(text_of("operations.md")))
    assert {verdict.value for verdict in Verdict if verdict is not Verdict.ALLOW} <= words


# ── and these tests can fail ──


def test_a_dead_link_would_be_noticed(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(
        "# One heading, `two`\n[a](#one-heading-two) [b](#three) [c](nowhere.md) [d](document.md#four) [e](https://example.com)"
    )
    assert list(dead_links(document)) == ["#three", "nowhere.md", "document.md#four"]


def test_the_table_of_calls_is_that_of_the_contract_and_of_the_code() -> None:
    contract = facts.load().endpoints
    served = {endpoint.name for endpoint in registry(dev=False).endpoints} & contract.keys()
    text = (ROOT / "docs" / "integration.md").read_text()
    rows = re.findall(
        r"^\| (\w+) \| (.+) \| (.+) \|$", text.partition("### Served, and not yet")[2].partition("###")[0], re.MULTILINE
    )
    told = {
        name: (section, column)
        for section, *cells in rows
        for column, cell in enumerate(cells)
        for name in re.findall(r"`(\w+)`", cell)
    }
    assert told == {name: (endpoint.section, 0 if name in served else 1) for name, endpoint in contract.items()}
    assert f" {len(served)} of {len(contract)} calls:" in (ROOT / "README.md").read_text()


def test_the_calls_of_our_own_are_listed() -> None:
    ours = {endpoint.name for endpoint in registry(dev=False).endpoints} - facts.load().endpoints.keys()
    text = (ROOT / "docs" / "integration.md").read_text()
    table = text.partition("These calls are ours")[2].partition("\n###")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(ours)
