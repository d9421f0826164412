"""How often endpoints use the database. Each use costs a round trip, and 28 µs of our CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.contract.endpoint import Section
from api.sections import live
from api.sections.auth import register
from api.sections.users import profile
from control_plane.accounts.claims import Claims
from tests.api.served import served
from tests.control_plane.watched_database import watched_database


async def test_an_own_profile_is_one_statement_wherever_it_is_shown(dsn: str, tmp_path: Path) -> None:
    section = Section("profiles")
    section.endpoints = [*register.section.endpoints, *live.section.endpoints, *profile.section.endpoints]
    async with watched_database(dsn) as database, served(dsn, database, tmp_path, section) as (client, platform):
        user = (await platform.accounts.sign_in.sign_in(Claims(auth_token="dev:ada"))).user
        headers = {"Authorization": f"Bearer {await platform.accounts.sessions.issue(user.id)}"}

        async def call(endpoint: str, **body: Any) -> tuple[Any, int]:
            before = database.uses
            async with client.post(f"/api/{endpoint}", json=body, headers=headers) as response:
                answer = await response.json()
            assert (answer["code"], answer["msg"]["User"]["username"]) == (200, "ada"), answer
            return answer["msg"], database.uses - before

        went_live, _ = await call("liveStream", title="first")
        stream_id = went_live["LiveStreaming"]["id"]
        used = {
            "showUserDetail": (await call("showUserDetail"))[1],
            "showUserDetail by id": (await call("showUserDetail", other_user_id=user.id))[1],
            "watchLiveStream": (await call("watchLiveStream", live_streaming_id=stream_id))[1],
            "watchLiveStream again": (await call("watchLiveStream", live_streaming_id=stream_id))[1],
            "liveStream again": (await call("liveStream", title="second"))[1],
            "registerUser": (await call("registerUser", auth_token="dev:ada"))[1],
        }
    assert used == {
        "showUserDetail": 1,
        "showUserDetail by id": 1,
        "watchLiveStream": 2,  # with the caller's record, which is kept for some seconds
        "watchLiveStream again": 1,
        "liveStream again": 3,  # with the stream, and the transaction that changes it
        "registerUser": 2,  # with the statement that opens the session
    }
