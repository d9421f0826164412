"""Uploads in parts by the clients that people use, aiotus and tus-js-client, also while the server is killed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiotus
import pytest
from playwright.async_api import Browser

from api.pages.html import release
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

pytestmark = pytest.mark.timeout(120)

CONTENT = bytes(range(256)) * 20_000
"""5 MB."""
TUS = f"/static/pages/{release()}/vendor/tus-4.3.1.min.js"
UPLOAD = """async ([content, token]) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    return await new Promise((resolve, reject) => {
        const upload = new tus.Upload(new Blob([bytes]), {
            endpoint: "/uploads", chunkSize: 1 << 20, retryDelays: [100, 200, 400],
            metadata: { filename: "clip.mp4" }, headers: { Authorization: `Bearer ${token}` },
            onError: reject, onSuccess: () => resolve(upload.url),
        });
        upload.start();
    });
}"""


def file_of(platform: Stagedoor, url: str) -> Path:
    return platform.data_dir / "resumable" / url.rpartition("/")[2]


async def test_aiotus_uploads_a_file_in_parts(stagedoor: Stagedoor) -> None:
    headers = {"Authorization": f"Bearer {await stagedoor.sign_in('tess')}"}
    where = await aiotus.upload(
        stagedoor.url("/uploads"),
        io.BytesIO(CONTENT),
        {"filename": b"clip.mp4"},
        client_session=stagedoor.session,
        headers=headers,
        chunksize=1 << 20,
    )
    assert where is not None
    assert file_of(stagedoor, str(where)).read_bytes() == CONTENT


async def test_tus_js_client_uploads_a_file_in_parts(stagedoor: Stagedoor, browser: Browser) -> None:
    token = await stagedoor.sign_in("tilda")
    page = await browser.new_page()
    await page.goto(stagedoor.url("/"))
    await page.add_script_tag(url=TUS)
    url = await page.evaluate(UPLOAD, [base64.b64encode(CONTENT).decode(), token])
    await page.close()
    assert file_of(stagedoor, url).read_bytes() == CONTENT


async def test_an_upload_outlives_the_server(own: Stagedoor) -> None:
    headers = {"Authorization": f"Bearer {await own.sign_in('tom')}"}
    tus = {**headers, "Tus-Resumable": "1.0.0"}
    async with own.session.post(own.url("/uploads"), headers={**tus, "Upload-Length": str(len(CONTENT))}) as response:
        url = response.headers["Location"]

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), 1 << 18):
            yield CONTENT[start : start + (1 << 18)]
            await asyncio.sleep(0.05)  # a slow phone

    part = {**tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    sending = asyncio.create_task(own.session.patch(url, headers=part, data=parts()).__aenter__())
    file = file_of(own, url)
    await until(lambda: asyncio.sleep(0, file.stat().st_size > 1 << 20), what="a part is written")
    await own.kill()
    await asyncio.gather(sending, return_exceptions=True)
    await own.start()
    url = own.url("/uploads/" + url.rpartition("/")[2])
    async with own.session.head(url, headers=tus) as response:
        offset = int(response.headers["Upload-Offset"])
    assert 1 << 20 < offset < len(CONTENT)
    part["Upload-Offset"] = str(offset)
    async with own.session.patch(url, headers=part, data=io.BytesIO(CONTENT[offset:])) as response:
        assert (response.status, response.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(CONTENT).digest()
