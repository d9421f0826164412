"""Push messages over the whole program: devices by the contract, the job queue, and push services on this machine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from control_plane.base.ids import UserId
from control_plane.db.embedded import running_dsn
from control_plane.db.pool import connect
from control_plane.push.model import Push
from control_plane.push.queue import enqueue
from tests.browser import visiting
from tests.end_to_end.platform import Stagedoor
from tests.local_push import UNAVAILABLE, credentials, local_push
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

FOLLOW = Push("follow", {"sender_id": 1, "name": "Ann", "text": "hello"}, "new_followers")


async def push(platform: Stagedoor, user_id: int) -> None:
    dsn = running_dsn(platform.data_dir)
    assert dsn is not None
    connection = await connect(dsn)
    async with connection.transaction():
        await enqueue(connection, FOLLOW, [UserId(user_id)])
    connection.terminate()


async def test_in_production_a_phone_is_pushed_to_and_nothing_leaks(empty: Stagedoor) -> None:
    key = credentials()
    async with local_push() as service:
        empty.set(
            dev="0",
            push_fcm_credentials=key,
            push_fcm_url=service.url,
            push_fcm_token_url=f"{service.url}/token",
            push_web_subject="mailto:ops@example.com",
            log_level="debug",
            mail_url="",
        )
        await empty.start()
        status, output = await empty.command("users", "add", "ann")
        assert status == 0, output
        _, output = await empty.command("token", "ann")
        token = output.split()[-1]
        profile = await empty.done("api/addDeviceData", token, device_token="the token of the phone", device="iOS")
        service.failures["the token of the phone"] = [UNAVAILABLE]
        await push(empty, profile["User"]["id"])
        await until(lambda: service.requests >= 1, 30, what="an attempt")
        service.failures.clear()
        await until(lambda: bool(service.messages), 60, what="the message")
        (message,) = service.messages
        assert (message["token"], message["data"]["type"]) == ("the token of the phone", "follow")

        _, output = await empty.command("doctor", "--json")
        found = {part["part"]: part for part in json.loads(output.strip().splitlines()[-1])}
        assert (found["push to phones"]["state"], found["push to browsers"]["state"]) == ("ok", "ok"), found
        assert 'stagedoor_pushes_total{outcome="sent",service="fcm"} 1.0' in await empty.metrics()
        for secret in (json.loads(key)["private_key"].splitlines()[1], "access-1", "the token of the phone", "hello"):
            assert secret not in empty.log


async def test_unusable_credentials_stop_the_start_with_a_sentence(empty: Stagedoor) -> None:
    empty.set(push_fcm_credentials='{"private_key": "geheim"}')
    status, output = await empty.command("run")
    assert status == 1
    assert "LIVE_PUSH_FCM_CREDENTIALS must be the JSON key" in " ".join(output.split())
    assert "geheim" not in output
    assert "Traceback" not in output


async def test_in_development_mode_pushes_are_in_the_log_and_in_the_sandbox(stagedoor: Stagedoor) -> None:
    token = await stagedoor.sign_in("pushed")
    profile = await stagedoor.done("api/addDeviceData", token, device_token="a phone", device="iOS")
    user_id = profile["User"]["id"]
    await push(stagedoor, user_id)

    async def listed() -> list[dict[str, Any]]:
        async with stagedoor.session.get(stagedoor.url("/sandbox/pushes")) as response:
            assert response.status == 200
            pushes = (await response.json())["pushes"]
        return [push for push in pushes if push["user_id"] == user_id]

    await until(listed, 30, what="the message")
    (entry,) = await listed()
    assert (entry["service"], entry["kind"]) == ("fcm", "follow")
    assert "push_in_the_log" in stagedoor.log


async def test_the_service_worker_shows_a_message_and_opens_its_page(stagedoor: Stagedoor, browser: Browser) -> None:
    """The browser's push service is on the internet, so the message comes from the browser's debugger."""
    base = f"http://localhost:{stagedoor.run['http_port']}"
    ports = ("http_port", "hls_port", "webrtc_port")
    hosts = [f"localhost:{stagedoor.run[port]}" for port in ports]
    async with visiting(browser, hosts, hosts[1:]) as visitor:
        page = visitor.page
        await page.context.grant_permissions(["notifications"], origin=base)
        await page.goto(base)
        module = await page.locator("script[type=module]").first.get_attribute("src")
        assert module is not None
        path = f"{module.rsplit('/', 1)[0]}/push.js"
        assert await page.evaluate("async path => (await import(path)).pushState()", path) == "off"
        registrations: list[str] = []
        debugger = await page.context.new_cdp_session(page)
        debugger.on(
            "ServiceWorker.workerRegistrationUpdated",
            lambda event: registrations.extend(one["registrationId"] for one in event["registrations"]),
        )
        await debugger.send("ServiceWorker.enable")
        await page.evaluate(
            "navigator.serviceWorker.register('/push_worker.js').then(() => navigator.serviceWorker.ready)"
        )
        await until(lambda: bool(registrations), what="the service worker")
        data = {"title": "Ann", "body": "is live", "image": "", "path": "/studio", "tag": "push-1", "unread": 2}
        shown: list[dict[str, str]] = []

        async def delivered() -> bool:
            """Sent again until it is shown: once in hundreds of runs, one that the debugger had sent never appeared."""
            await debugger.send(
                "ServiceWorker.deliverPushMessage",
                {"origin": base, "registrationId": registrations[-1], "data": json.dumps(data)},
            )
            shown[:] = await page.evaluate(
                """async () => {
                  const registration = await navigator.serviceWorker.ready;
                  const notifications = await registration.getNotifications();
                  return notifications.map(({ title, body, tag, data }) => ({ title, body, tag, path: data.path }));
                }"""
            )
            return bool(shown)

        await until(delivered, what="the notification")
        assert shown == [{"title": "Ann", "body": "is live", "tag": "push-1", "path": "/studio"}]
        await expect(page.locator("main")).to_be_visible()
