"""Endpoints that the test defines: deadlines, multipart forms, answers that differ by client, refusals without text, pages."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient

from api.contract.call import Call
from api.contract.client import Client
from api.contract.dispatch import OPEN_UPLOADS
from api.contract.endpoint import Access, IosRefusal, Nothing, Section
from api.contract.paging import window
from api.contract.platform import Platform
from api.contract.request import CallerId, Page, Request, Text
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.storage.space import NoRoomForUploads
from tests.api.served import API_KEYS, served
from tests.control_plane.people import new_user
from tests.control_plane.storage.test_space import Usage
from tests.waiting import until

LARGEST = 1 << 20
section = Section("cloakroom")


class NoHooksLeft(ControlPlaneError):
    code = "no_hooks_left"
    kind = ErrorKind.REFUSED


class LeaveCoat(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    colour: Text = ""


class ShowCoats(Request, frozen=True, kw_only=True):
    starting_point: Page = Page(0)


@section.endpoint("leaveCoat", access=Access.PROVEN, uploads={"picture": LARGEST})
async def leave_coat(call: Call, body: LeaveCoat) -> dict[str, Any]:
    picture = call.uploads.get("picture")
    content = picture.path.read_bytes() if picture else b""
    return {"colour": body.colour, "bytes": len(content), "same": content == b"x" * len(content), "by": call.user_id}


@section.endpoint("greet", access=Access.OPEN)
async def greet(call: Call, body: Nothing) -> str | dict[str, str]:
    return "hello" if call.client is Client.IOS else {"text": "hello"}


@section.endpoint("takeHook", access=Access.OPEN, ios_refusal=IosRefusal())
async def take_hook(call: Call, body: Nothing) -> str:
    raise NoHooksLeft("There is no hook left.")


@section.endpoint("showHooks", access=Access.OPEN, ios_refusal=IosRefusal(answers={"public": []}))
async def show_hooks(call: Call, body: Nothing) -> str:
    raise NoHooksLeft("There is no hook left.")


@section.endpoint("showCoats", access=Access.OPEN)
async def show_coats(call: Call, body: ShowCoats) -> list[int]:
    limit, offset = window(body.starting_point)
    return list(range(35))[offset : offset + limit]


@section.endpoint("waitForCoat", access=Access.OPEN)
async def wait_for_coat(call: Call, body: Nothing) -> str:
    await asyncio.Event().wait()
    return "never"


class Guest:
    def __init__(self, client: TestClient[web.Request, web.Application], token: str, folder: Path) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {token}"}
        self.folder = folder

    async def post(self, name: str, *, app: str = "document", **options: Any) -> dict[str, Any]:
        headers = {**self.headers, "Api-Key": API_KEYS[app], **options.pop("headers", {})}
        async with self.client.post(f"/api/{name}", headers=headers, **options) as response:
            assert response.status == 200
            answer: dict[str, Any] = await response.json()
            return answer

    @property
    def left_over(self) -> list[Path]:
        return list((self.folder / "uploads").glob("*"))


@pytest.fixture
async def guest(dsn: str, database: Database, tmp_path: Path) -> AsyncIterator[Guest]:
    async with served(dsn, database, tmp_path, section) as (client, platform):
        user_id = await new_user(database)
        yield Guest(client, await platform.accounts.sessions.issue(UserId(user_id)), tmp_path)


def form(size: int, **fields: str) -> FormData:
    data = FormData(fields)
    data.add_field("picture", io.BytesIO(b"x" * size), filename="coat.jpg", content_type="image/jpeg")
    return data


async def test_a_form_brings_fields_and_a_file_larger_than_any_json_body(guest: Guest) -> None:
    answer = await guest.post("leaveCoat", data=form(LARGEST, colour=" grün "))
    assert answer["code"] == 200
    assert {**answer["msg"], "by": 0} == {"colour": "grün", "bytes": LARGEST, "same": True, "by": 0}
    assert guest.left_over == []
    assert (await guest.post("leaveCoat", json={"colour": "red"}))["msg"]["colour"] == "red"


async def test_a_call_that_hangs_is_answered_at_its_deadline(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.contract.dispatch.DEADLINE_S", 0.05)
    async with asyncio.timeout(10):
        answer = await guest.post("waitForCoat", json={})
    assert answer == {"code": 500, "msg": "That took too long. Please try again."}


async def test_what_is_too_large_is_refused_and_leaves_nothing(guest: Guest) -> None:
    answer = await guest.post("leaveCoat", data=form(LARGEST + 1))
    assert (answer["code"], answer["msg"]) == (400, "The file picture may have at most 1 MB.")
    answer = await guest.post("leaveCoat", data=form(1, colour="x" * 10_001))
    assert (answer["code"], answer["msg"]) == (400, "The text fields of the form are too large.")
    many = form(1, **{f"field{number}": "x" for number in range(100)})
    assert (await guest.post("leaveCoat", data=many))["code"] == 400
    assert guest.left_over == []


async def test_no_file_is_larger_than_the_operator_allows(dsn: str, database: Database, tmp_path: Path) -> None:
    films = Section("films")

    @films.endpoint("addFilm", uploads={"film": 1 << 30})
    async def add_film(call: Call, body: Nothing) -> int:
        return call.uploads["film"].size

    async with served(dsn, database, tmp_path, films, upload_limit=1 << 20) as (client, platform):
        token = await platform.accounts.sessions.issue(await new_user(database))
        guest = Guest(client, token, tmp_path)
        for size, code in {1 << 20: 200, (1 << 20) + 1: 400}.items():
            data = FormData()
            data.add_field("film", io.BytesIO(bytes(size)), filename="film.mp4")
            assert (await guest.post("addFilm", data=data))["code"] == code


async def test_a_form_that_is_none_is_refused(guest: Guest) -> None:
    as_form = {"headers": {"Content-Type": "multipart/form-data; boundary=b"}}
    other = FormData()
    other.add_field("video", b"x", filename="x.mp4")
    twice = form(1)
    twice.add_field("picture", b"x", filename="b.jpg")
    bodies: list[dict[str, Any]] = [
        {"data": b"--b\r\nnonsense", **as_form},
        {"data": b"", **as_form},
        {"data": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"data": b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\nxxx', **as_form},
        {"data": other},
        {"data": twice},
    ]
    for body in bodies:
        answer = await guest.post("leaveCoat", **body)
        assert answer["code"] == 400, answer
    assert guest.left_over == []


async def test_strangers_upload_nothing(guest: Guest) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
        while True:
            sent += 1
            yield b"x" * 1024
            await asyncio.sleep(0.01)

    guest.headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await guest.post("leaveCoat", data=endless())
    assert answer["code"] == 401
    assert sent < 500


async def test_an_upload_that_its_client_gives_up_leaves_nothing(guest: Guest) -> None:
    begun = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
        yield b"x" * 70_000
        begun.set()
        await asyncio.Event().wait()

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    upload = asyncio.create_task(guest.post("leaveCoat", data=half(), headers=headers))
    await begun.wait()
    await until(lambda: bool(guest.left_over))
    upload.cancel()
    await until(lambda: not guest.left_over)


async def test_an_answer_may_differ_by_client(guest: Guest) -> None:
    assert (await guest.post("greet", app="ios"))["msg"] == "hello"
    assert (await guest.post("greet", app="android"))["msg"] == {"text": "hello"}


async def test_ios_gets_refusals_that_it_can_read(guest: Guest) -> None:
    assert await guest.post("takeHook", app="ios") == {"code": 201}
    assert await guest.post("showHooks", app="ios") == {"code": 200, "msg": {"public": []}}
    for name in ("takeHook", "showHooks"):
        assert await guest.post(name, app="android") == {"code": 201, "msg": "There is no hook left."}


async def test_lists_come_in_pages(guest: Guest) -> None:
    pages = [(await guest.post("showCoats", json={"starting_point": str(page)}))["msg"] for page in range(5)]
    assert [number for page in pages for number in page] == list(range(35))
    assert [len(page) for page in pages] == [10, 10, 10, 5, 0]


class Phone:
    """Sends a form as Android does: it reads the answer after it has sent everything."""

    def __init__(self, guest: Guest, size: int) -> None:
        self._guest = guest
        self.body = (
            b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
            + bytes(size)
            + b"\r\n--b--\r\n"
        )

    async def connect(self) -> None:
        assert self._guest.client.port is not None
        self._reader, self._writer = await asyncio.open_connection(self._guest.client.host, self._guest.client.port)
        self._writer.write(
            f"POST /api/leaveCoat HTTP/1.1\r\nHost: x\r\nAuthorization: {self._guest.headers['Authorization']}\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(self.body)}\r\n\r\n".encode()
        )

    async def send(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()

    async def answer(self) -> dict[str, Any]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(
            next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1]
        )
        answer: dict[str, Any] = json.loads(await self._reader.readexactly(length))
        self._writer.close()
        return answer

    async def is_answered(self) -> bool:
        try:
            async with asyncio.timeout(0.3):
                await self._reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return False
        return True


async def test_a_form_that_is_too_large_is_read_before_the_answer_and_not_stored(guest: Guest) -> None:
    phone = Phone(guest, 8 * LARGEST)
    await phone.connect()
    await phone.send(phone.body[:-1])
    assert not await phone.is_answered()
    assert guest.left_over == []
    await phone.send(phone.body[-1:])
    answer = await phone.answer()
    assert (answer["code"], answer["msg"]) == (400, "The file picture may have at most 1 MB.")


@pytest.mark.parametrize("bound", [{"DRAIN_S": 0.1}, {"DRAIN_STALLED_S": 0.1}, {"MOST_DRAINED": 1 << 20}])
async def test_a_refused_form_is_read_up_to_a_bound(
    guest: Guest, monkeypatch: pytest.MonkeyPatch, bound: dict[str, float]
) -> None:
    for name, value in bound.items():
        monkeypatch.setattr(f"api.http.uploads.{name}", value)
    phone = Phone(guest, 8 * LARGEST)
    await phone.connect()
    await phone.send(phone.body[: 2 << 20])
    assert (await phone.answer())["code"] == 400


async def test_a_file_of_an_unknown_length_is_refused_at_its_limit(guest: Guest) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\n'
        for _ in range(40):
            yield bytes(1 << 16)
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await guest.post("leaveCoat", data=endless(), headers=headers)
    assert (answer["code"], answer["msg"]) == (400, "The file picture may have at most 1 MB.")
    assert guest.left_over == []


async def test_a_compressed_body_is_refused(guest: Guest) -> None:
    for headers in ({"Content-Type": "multipart/form-data; boundary=b"}, {"Content-Type": "application/json"}):
        answer = await guest.post(
            "leaveCoat", data=zlib.compress(b"{}"), headers=headers | {"Content-Encoding": "Deflate"}
        )
        assert (answer["code"], answer["msg"]) == (400, "The body must not be compressed: leave out Content-Encoding.")
        assert guest.left_over == []
    assert (await guest.post("leaveCoat", data=b"{}", headers={"Content-Encoding": "identity"}))["code"] == 200


@pytest.mark.parametrize(
    "end",
    [
        b"--b--",
        b"--b\r\n--b--\r\n",
        b"--b\r\n\r\n--b--\r\n",
        b"--b\r\n\r\n\r\n--b--\r\n",
        b"--b\r\n\r\n\r\n\r\n--b--\r\n",
    ],
)
async def test_a_form_may_end_as_ios_ends_it(guest: Guest, end: bytes) -> None:
    """With a part that has neither headers nor content."""
    fields = b'--b\r\nContent-Disposition: form-data; name="colour"\r\n\r\nred\r\n'
    picture = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="x"\r\n\r\nxxx\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await guest.post("leaveCoat", data=fields + picture + end, headers=headers)
    assert (answer["msg"]["colour"], answer["msg"]["bytes"], answer["msg"]["same"]) == ("red", 3, True)


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; charset=utf-8", "multipart/mixed; boundary=b", "?"]
)
async def test_the_type_of_a_part_does_not_matter(guest: Guest, kind: str) -> None:
    """Android's apps name that of the form in each part."""
    head = f"Content-Transfer-Encoding: binary\r\nContent-Type: {kind}\r\nContent-Length: 3\r\n"
    form = (
        f'--b\r\nContent-Disposition: form-data; name="colour"\r\n{head}\r\nred\r\n'
        f'--b\r\nContent-Disposition: form-data; name="picture"; filename="x.jpg"\r\n{head}\r\nxxx\r\n--b--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await guest.post("leaveCoat", data=form.encode(), headers=headers)
    assert (answer["msg"]["colour"], answer["msg"]["bytes"], answer["msg"]["same"]) == ("red", 3, True)


async def test_a_part_without_a_name_is_refused_if_it_says_something(guest: Guest) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await guest.post("leaveCoat", data=b"--b\r\n\r\nhello\r\n--b--\r\n", headers=headers)
    assert (answer["code"], answer["msg"]) == (400, "A field of the form has no name.")


async def test_one_user_has_few_unfinished_forms(guest: Guest) -> None:
    phones = [Phone(guest, 100) for _ in range(OPEN_UPLOADS)]
    for phone in phones:
        await phone.connect()
        await phone.send(phone.body[:-1])
    await until(lambda: len(guest.left_over) == OPEN_UPLOADS)
    answer = await guest.post("leaveCoat", data=form(1))
    assert (answer["code"], answer["msg"][:17]) == (201, "Too many requests")
    for phone in phones:
        await phone.send(phone.body[-1:])
        assert (await phone.answer())["code"] == 200
    assert (await guest.post("leaveCoat", data=form(1)))["code"] == 200


async def test_a_disk_that_is_nearly_full_takes_no_files(dsn: str, database: Database, tmp_path: Path) -> None:
    async with served(dsn, database, tmp_path, section, disk_reserve=1 << 60) as (client, platform):
        guest = Guest(client, await platform.accounts.sessions.issue(await new_user(database)), tmp_path)
        answer = await guest.post("leaveCoat", data=form(LARGEST))
        assert answer == {"code": 500, "msg": str(NoRoomForUploads())}
        assert (await guest.post("leaveCoat", json={"colour": "red"}))["code"] == 200


async def test_slow_clients_keep_no_space_from_others(
    dsn: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a form has not brought yet is not reserved; a disk that is full by then refuses the rest."""
    free = [LARGEST * 3]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free[0]))
    async with served(dsn, database, tmp_path, section, disk_reserve=LARGEST) as (client, platform):
        guest = Guest(client, await platform.accounts.sessions.issue(await new_user(database)), tmp_path)
        phones = [Phone(guest, LARGEST - 1) for _ in range(OPEN_UPLOADS - 1)]
        for phone in phones:
            await phone.connect()
            await phone.send(phone.body[:1000])
        await until(lambda: len(guest.left_over) == len(phones))
        assert (await guest.post("leaveCoat", data=form(LARGEST)))["code"] == 200
        free[0] = LARGEST
        for phone in phones:
            await phone.send(phone.body[1000:])
            assert (await phone.answer())["msg"] == str(NoRoomForUploads())
        assert guest.left_over == []


async def test_a_form_that_hardly_arrives_ends(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.uploads.WINDOW_S", 2.0)
    monkeypatch.setattr("api.http.uploads.DRAIN_S", 0.1)
    slow = Phone(guest, LARGEST)
    await slow.connect()
    await slow.send(slow.body[:200])
    answering = asyncio.create_task(slow.answer())
    for number in range(200, 400):
        await asyncio.wait([answering], timeout=0.1)
        if answering.done():
            break
        await slow.send(slow.body[number : number + 1])
    assert (await answering)["msg"] == "The upload is too slow. Please try again over a better network."
    assert guest.left_over == []
    assert (await guest.post("leaveCoat", data=form(LARGEST)))["code"] == 200, "a fast one ends in the first window"


async def test_what_is_refused_before_an_upload_is_not_stored(dsn: str, database: Database, tmp_path: Path) -> None:
    asked = []

    async def before(platform: Platform, user_id: UserId, size: int) -> None:
        asked.append((user_id, size))
        raise NoHooksLeft("There is no hook left.")

    films = Section("films")

    @films.endpoint("addFilm", uploads={"film": LARGEST}, before_upload=before)
    async def add_film(call: Call, body: Nothing) -> str:
        return "never"

    async with served(dsn, database, tmp_path, films) as (client, platform):
        user_id = await new_user(database)
        guest = Guest(client, await platform.accounts.sessions.issue(user_id), tmp_path)
        data = FormData()
        data.add_field("film", io.BytesIO(bytes(5000)), filename="film.mp4")
        assert await guest.post("addFilm", data=data) == {"code": 201, "msg": "There is no hook left."}
        assert [who for who, _ in asked] == [user_id]
        assert 5000 < asked[0][1] < 6000
        assert not (tmp_path / "uploads").exists()
