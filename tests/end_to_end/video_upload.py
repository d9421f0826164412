"""Uploads of videos as the apps send them, and what the apps are told of them."""

from __future__ import annotations

import io
import json
from typing import Any

from api.contract.client import Client
from tests.api.contract.decoders import problems
from tests.end_to_end.platform import Stagedoor, local

_FIELDS = {
    Client.ANDROID: {
        "privacy_type": "Public",
        "user_id": "0",
        "sound_id": "null",
        "allow_comments": "true",
        "description": "At the sea #sun",
        "allow_duet": "1",
        "users_json": "[]",
        "hashtags_json": '[{"name":"sun"}]',
        "story": "0",
        "video_id": "0",
        "lat": "0.0",
        "long": "0.0",
        "location_string": "",
        "width": "720",
        "height": "1280",
    },
    Client.IOS: {
        "privacy_type": "public",
        "sound_id": "",
        "allow_comments": "true",
        "description": "At the sea #sun",
        "allow_duet": "false",
        "users_json": "[]",
        "hashtags_json": '[["name": "sun"]]',
        "story": "0",
        "video_id": "0",
        "videoType": "0",
    },
}


def form(app: Client, content: bytes, name: str) -> tuple[bytes, str]:
    """The body and its Content-Type. Android's HTTP client gives each part a type, an encoding and a length; iOS ends the
    form with a part that has neither headers nor content."""
    if app is Client.IOS:
        boundary, field, file, end = "Boundary-6A2D", "", "Content-Type: video/mp4\r\n", b"\r\n\r\n--%s--"
    else:
        boundary, field, end = "5d1f-42", "Content-Transfer-Encoding: binary\r\n", b"--\r\n"
        field += "Content-Type: multipart/form-data; charset=utf-8\r\n"
        file = f"Content-Type: multipart/form-data\r\nContent-Length: {len(content)}\r\n"
    mark = boundary.encode()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n{field}\r\n{value}\r\n'
        for key, value in _FIELDS[app].items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="{name}"\r\n{file}\r\n'
    body = "".join([*parts, head]).encode() + content + b"\r\n--" + mark + end.replace(b"%s", mark)
    return body, f"multipart/form-data; boundary={boundary}"


async def ask(
    platform: Stagedoor, app: Client, endpoint: str, token: str = "", *, key: str = "", path: str = "", **request: Any
) -> dict[str, Any]:
    """The answer to a call of this app, which its decoder can read."""
    headers = {"Api-Key": platform.run["api_keys"][key or app.value], **request.pop("headers", {})}
    headers |= {"Auth-Token": token} if token else {}
    async with platform.session.post(platform.url(path or f"/api/{endpoint}"), headers=headers, **request) as response:
        assert response.status == 200
        raw = await response.read()
    assert problems(app, endpoint, raw) == [], raw
    answer: dict[str, Any] = json.loads(raw)
    return answer


async def post(platform: Stagedoor, token: str, app: Client, content: bytes, name: str = "video.mp4") -> dict[str, Any]:
    """The answer of postVideo."""
    body, kind = form(app, content, name)
    where = {"key": "ios_upload", "path": "/postVideo"} if app is Client.IOS else {}
    return await ask(platform, app, "postVideo", token, data=io.BytesIO(body), headers={"Content-Type": kind}, **where)


async def processed(
    platform: Stagedoor, token: str, app: Client, content: bytes, name: str = "video.mp4"
) -> dict[str, Any]:
    """What the personal socket tells the owner when the processing of this upload has ended."""
    url = platform.url("/ws/me").replace("http://", "ws://")
    async with platform.session.ws_connect(url, headers={"Authorization": f"Bearer {token}"}) as socket:
        answer = await post(platform, token, app, content, name)
        assert answer["code"] == 200, answer
        video = answer["msg"]["Video"]
        assert video["upload_state"] == "processing"
        async for message in socket:
            frame = json.loads(message.data)
            if frame["type"] == "video" and frame["video"]["id"] == video["id"]:
                told: dict[str, Any] = frame["video"]
                if told["state"] != "processing":
                    return told
    raise AssertionError("the socket was closed")


async def fetch(platform: Stagedoor, url: str, kind: str) -> bytes:
    """The file of this address, which has this type."""
    async with platform.session.get(local(url)) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, kind), url
        return await response.read()
