from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

import pytest

from mediamtx.obtain import release
from mediamtx.obtain.binary import silent
from mediamtx.obtain.pinned import RELEASE_SHA256, release_platform
from mediamtx.obtain.step import StepFailed
from tests.mediamtx.obtain.release_site import ASSET, STAND_IN, ReleaseSite, archive_of


def download(site: ReleaseSite, tmp_path: Path) -> Path:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return release.download(site.url, scratch, silent)


def test_a_good_archive_gives_the_executable_and_nothing_else(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    executable = download(release_site, tmp_path)
    assert executable.read_bytes() == STAND_IN
    assert executable.stat().st_mode & 0o777 == 0o755
    assert {file.name for file in executable.parent.iterdir()} == {"mediamtx", ASSET}
    assert release_site.requested == [ASSET]


def test_a_tampered_archive_is_refused(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.write_bytes(archive_of({"mediamtx": b"#!/bin/sh\necho evil\n"}))
    with pytest.raises(StepFailed, match="does not have the SHA-256 that is pinned"):
        download(release_site, tmp_path)


def test_a_truncated_archive_is_refused(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.write_bytes(release_site.archive.read_bytes()[:-20])
    with pytest.raises(StepFailed, match="does not have the SHA-256 that is pinned"):
        download(release_site, tmp_path)


def test_an_archive_that_is_not_there_is_told(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.unlink()
    with pytest.raises(StepFailed, match=rf"{ASSET} answered 404"):
        download(release_site, tmp_path)


def test_what_does_not_have_the_pinned_digest_is_not_unpacked(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    release_site.archive.write_bytes(b"no archive at all")
    with pytest.raises(StepFailed, match="does not have the SHA-256 that is pinned"):
        download(release_site, tmp_path)


def test_a_checksum_file_of_the_site_vouches_for_nothing(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    evil = archive_of({"mediamtx": b"#!/bin/sh\necho evil\n"})
    release_site.archive.write_bytes(evil)
    checksums = f"{hashlib.sha256(evil).hexdigest()} *{ASSET}\n"
    release_site.archive.with_name("checksums.sha256").write_text(checksums)
    with pytest.raises(StepFailed, match="does not have the SHA-256 that is pinned"):
        download(release_site, tmp_path)
    assert release_site.requested == [ASSET]


def test_a_platform_without_a_pinned_digest_is_not_downloaded(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    del RELEASE_SHA256[release_platform()]
    with pytest.raises(StepFailed, match=f"no SHA-256 is pinned for {ASSET}"):
        download(release_site, tmp_path)
    assert release_site.requested == []


def test_pinned_digests_are_digests() -> None:
    assert RELEASE_SHA256
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in RELEASE_SHA256.values())
    assert len(set(RELEASE_SHA256.values())) == len(RELEASE_SHA256)


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
    assert time.monotonic() - started_at < 10, "a fraction of the time for a download"


def test_an_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="not an http address"):
        release.download(tmp_path.as_uri(), tmp_path, silent)


def test_an_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        release.within(0.05, lambda: time.sleep(1))
