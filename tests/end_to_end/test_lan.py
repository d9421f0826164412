"""`make run LAN=1`, as far as it can be tested on the loopback interface."""

from __future__ import annotations

import pytest

from tests.end_to_end.platform import Stagedoor

pytestmark = pytest.mark.timeout(180)


async def test_a_phone_is_answered_by_the_name_that_it_has_for_us(stopped: Stagedoor) -> None:
    stopped.set(lan="1", bind="127.0.0.1", public_host="192.168.77.7")
    await stopped.start()
    addresses = {}
    for host in ("laptop.local:8080", "192.168.77.7:8080"):
        async with stopped.session.post(
            stopped.url("/api/liveStream"), json={"user_id": "1"}, headers={"Host": host}
        ) as response:
            stream = (await response.json())["msg"]["LiveStreaming"]
            addresses[host] = {stream[name].split("/")[2].split(":")[0] for name in ("rtmp_url", "playback_url")}
    assert addresses == {"laptop.local:8080": {"laptop.local"}, "192.168.77.7:8080": {"192.168.77.7"}}
    assert "On a phone in the same network:" in stopped.log
    assert "█" in stopped.log
