from __future__ import annotations

import time
from pathlib import Path

import pytest

from mediamtx import release
from mediamtx.binary import silent
from mediamtx.pinned import VERSION
from mediamtx.release import checksum_for
from mediamtx.step import StepFailed
from tests.mediamtx.release_site import ASSET, STAND_IN, ReleaseSite, archive_of

DIGEST = "ab" * 32


def download(site: ReleaseSite, tmp_path: Path) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return release.download(site.url, scratch, silent)


def test_a_good_archive_gives_the_executable_and_nothing_else(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    executable = download(release_site, tmp_path)
    assert executable.read_bytes() == STAND_IN
    assert executable.stat().st_mode & 0o777 == 0o755
    assert {file.name for file in executable.parent.iterdir()} == {"mediamtx", "checksums.sha256", ASSET}
    assert release_site.requested == ["checksums.sha256", ASSET]


def test_a_tampered_archive_is_refused(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.write_bytes(archive_of({"mediamtx": b"#!/bin/sh\necho evil\n"}))
    with pytest.raises(StepFailed, match="does not match its checksum"):
        download(release_site, tmp_path)


def test_a_truncated_archive_is_refused(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.write_bytes(release_site.archive.read_bytes()[:-20])
    with pytest.raises(StepFailed, match="does not match its checksum"):
        download(release_site, tmp_path)


def test_an_archive_that_is_not_there_is_told(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.unlink()
    with pytest.raises(StepFailed, match=rf"{ASSET} answered 404"):
        download(release_site, tmp_path)


def test_a_release_that_is_not_there_is_told(release_site: ReleaseSite, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=rf"{VERSION}/checksums.sha256 answered 404"):
        download(release_site, tmp_path)


@pytest.mark.parametrize("member", ["../mediamtx", "bin/mediamtx", "mediamtx.exe"])
def test_a_member_elsewhere_is_not_taken(release_site: ReleaseSite, tmp_path: Path, member: str) -> None:
    release_site.publish(member=member)
    with pytest.raises(StepFailed, match="no executable"):
        download(release_site, tmp_path)
    assert not (tmp_path / "mediamtx").exists()


def test_without_a_network_it_fails_at_once(tmp_path: Path) -> None:
    started_at = time.monotonic()
    with pytest.raises(StepFailed, match="cannot be reached"):
        release.download("http://127.0.0.1:9", tmp_path, silent)
    assert time.monotonic() - started_at < 3


def test_an_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="not an http address"):
        release.download(tmp_path.as_uri(), tmp_path, silent)


def test_an_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        release.within(0.05, lambda: time.sleep(1))


@pytest.mark.parametrize("line", [f"{DIGEST} *{ASSET}", f"{DIGEST}  {ASSET}", f"{DIGEST.upper()} *{ASSET}\r"])
def test_both_forms_of_checksum_lines_are_read(line: str) -> None:
    assert checksum_for(ASSET, f"{'0' * 64} *other.zip\n{line}\n") == DIGEST


@pytest.mark.parametrize("text", ["", "<html>", f"{DIGEST} *{ASSET}.sig", f"abc *{ASSET}"])
def test_a_checksum_file_without_the_asset_is_refused(text: str) -> None:
    with pytest.raises(StepFailed, match="does not list"):
        checksum_for(ASSET, text)
