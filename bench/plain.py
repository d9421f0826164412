"""Baseline of the endpoints: plain handlers on aiohttp's router and asyncpg's pool with the same database work.

Run as `python -m bench.plain`. The SQL is imported from the product, so it cannot differ. Each handler acquires one
connection for all its reads; msgspec decodes and encodes JSON. There is no leniency, limit, metric, request id or
deadline: the benchmark measures what those cost. An answer is a copy of the product's answer with the values of this
request, so it has the same size.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
import jwt
import msgspec
import uvloop
from aiohttp import web

from bench.processes import configuration, say, stdin
from control_plane.accounts import store as accounts
from control_plane.bus import notify as bus
from control_plane.bus.model import Topic
from control_plane.eventlog import store as events
from control_plane.gifts import store as gifts
from control_plane.ledger import store as ledger
from control_plane.payments import store as payments
from control_plane.streams import store as streams
from control_plane.videos import store as videos

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Json = dict[str, Any]
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Handler = Callable[[web.Request], Awaitable[web.Response]]

POOL_SIZE = 10
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Plain:
    """Handlers. `config["answers"]` has one `msg` of the product for each endpoint."""

    def __init__(self, config: Json, pool: Pool) -> None:
        self._answers: Json = config["answers"]
        self._session_secret = bytes.fromhex(config["session_secret"])
        self._session_key_id = config["session_key_id"]
        self._pool = pool
        self._caller = functools.lru_cache(maxsize=20_000)(self._verify)
        self._gifts = {entry["Gift"]["id"]: entry["Gift"] for entry in self._answers["showGifts"]}

    def routes(self) -> list[web.RouteDef]:
        handlers: dict[str, Handler] = {
            "showGifts": self.show_gifts,
            "showCoinWorth": self.show_coin_worth,
            "showRelatedVideos": self.show_related_videos,
            "showUserDetail": self.show_user_detail,
            "registerUser": self.register_user,
            "watchLiveStream": self.watch_live_stream,
            "liveStream": self.live_stream,
            "sendGift": self.send_gift,
            "purchaseCoin": self.purchase_coin,
        }
        return [web.post(f"/api/{name}", handler) for name, handler in handlers.items()]

    # ── from memory ──

    async def show_gifts(self, request: web.Request) -> web.Response:
        _decode(await request.read())
        return done(self._answers["showGifts"])

    # ── reading ──

    async def show_coin_worth(self, request: web.Request) -> web.Response:
        _decode(await request.read())
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(payments._PACKAGES)
        packages = [
            {
                "id": row["id"],
                "coins": row["coins"],
                "price": row["price_minor"] / 100,
                "title": row["title"],
                "product_id": row["product_id"],
            }
            for row in rows
        ]
        return done({**self._answers["showCoinWorth"], "CoinPackages": packages})

    async def show_related_videos(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(videos._FEED, 10, int(body["starting_point"]) * 10)
            owners = await connection.fetch(accounts._BY_IDS, list({row["user_id"] for row in rows}))
        shape = self._answers["showRelatedVideos"][0]
        people = {row["id"]: person(shape["User"], row) for row in owners}
        return done([feed_item(shape, row, people[row["user_id"]]) for row in rows])

    async def show_user_detail(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = self._caller(bearer(request))
        shape = self._answers["showUserDetail"]
        if other := body.get("other_user_id"):
            async with self._pool.acquire() as connection:
                row = await connection.fetchrow(accounts._BY_IDS, [other])
                await connection.execute(accounts._VISIT, other, caller_id)
            return done(
                {
                    **self._answers["showUserDetail/other"],
                    "User": person(self._answers["showUserDetail/other"]["User"], row),
                }
            )
        async with self._pool.acquire() as connection:
            own = await own_user(connection, shape["User"], caller_id)
        return done({**shape, "User": own})

    async def watch_live_stream(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = self._caller(bearer(request))
        shape = self._answers["watchLiveStream"]
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(streams._GET, body["live_streaming_id"])
            own = await own_user(connection, shape["User"], caller_id)
        return done({"User": own, "LiveStreaming": live(shape["LiveStreaming"], row)})

    # ── writing ──

    async def register_user(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        name = body["auth_token"].removeprefix("dev:")
        shape = self._answers["registerUser"]
        async with self._pool.acquire() as connection:
            user_id = await connection.fetchval(accounts._BY_IDENTITY, "dev", name)
            if user_id is None:
                await connection.fetchrow(accounts._BY_USERNAME, name)
                async with connection.transaction():
                    new = (name, "", "", "", None, "", "", None, "", "", "", "", "", ["dev"], [name])
                    user_id = await connection.fetchval(accounts._CREATE, *new)
            own = await own_user(connection, shape["User"], user_id)
        now = dt.datetime.now(dt.UTC)
        claims = {"sub": str(user_id), "ver": 1, "aud": "session", "iat": now, "exp": now + dt.timedelta(days=90)}
        token = jwt.encode(claims, self._session_secret, algorithm="HS256", headers={"kid": self._session_key_id})
        return done({**shape, "User": {**own, "auth_token": token}})

    async def live_stream(self, request: web.Request) -> web.Response:
        """Repeated call before the first publish, as in `endpoints.py`: changes options of the unfinished stream."""
        body = _decode(await request.read())
        caller_id = self._caller(bearer(request))
        shape = self._answers["liveStream"]
        async with self._pool.acquire() as connection:
            running = await connection.fetchrow(streams._UNFINISHED_OF, caller_id)
            assert running is not None
            async with connection.transaction():
                await connection.fetchrow(events._LOCK, running["id"])
                options = (body["title"], "public", None, 0, 60, body["started_at"])
                row = await connection.fetchrow(streams._CONFIGURE, running["id"], *options)
                await connection.execute(bus._NOTIFY, bus.CHANNEL, bus.payloads("", Topic.STREAM, [(running["id"], 0)]))
            owner = await connection.fetchrow(accounts._BY_IDS, [caller_id])
        return done({"LiveStreaming": live(shape["LiveStreaming"], row), "User": person(shape["User"], owner)})

    async def send_gift(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = self._caller(bearer(request))
        shape = self._answers["sendGift"]
        gift, count, receiver_id = self._gifts[body["gift_id"]], body["gift_count"], body["receiver_id"]
        coins = gift["coin"] * count
        asked = hashlib.sha256(_encode([receiver_id, body["gift_id"], count])).digest()
        async with self._pool.acquire() as connection:
            parties = await connection.fetchrow(gifts._PARTIES, caller_id, receiver_id)
            assert parties is not None
            stream_id = parties["stream_id"]
            async with connection.transaction():
                log = await connection.fetchrow(events._LOCK, stream_id)
                assert log is not None
                owners, kinds = (caller_id, caller_id, receiver_id), ("bought", "earned", "earned")
                held = {
                    (row["owner_id"], row["kind"]): row for row in await connection.fetch(ledger._LOCK, owners, kinds)
                }
                if await connection.fetchrow(ledger._FIND_TRANSFER, caller_id, "gift", body["client_ref"]) is not None:
                    raise web.HTTPConflict
                wallet, star = held[caller_id, "bought"], held[receiver_id, "earned"]
                if wallet["balance"] < coins:
                    raise web.HTTPPaymentRequired
                legs = ((wallet["id"], star["id"]), ("bought", "earned"), (-coins, coins))
                posted = await connection.fetch(ledger._POST, caller_id, "gift", body["client_ref"], asked, "", *legs)
                seq = log["last_seq"] + 1
                sent = await connection.fetchrow(
                    gifts._RECORD,
                    *(stream_id, body["gift_id"], count, coins, caller_id, receiver_id, posted[0]["transfer_id"], seq),
                )
                assert sent is not None
                at = dt.datetime.now(dt.UTC)
                frame = gift_frame(seq, at, gift, count, coins, parties, receiver_id, sent["sender_total"])
                await connection.execute(events._APPEND, stream_id, (seq,), ("gift",), (at,), (frame,), False)
            own = await own_user(connection, shape["User"], caller_id)
        view = {
            **shape["GiftSend"],
            "id": sent["id"],
            "sender_id": caller_id,
            "receiver_id": receiver_id,
            "coin": coins,
        }
        return done({**shape, "User": own, "GiftSend": view, "SentGift": view})

    async def purchase_coin(self, request: web.Request) -> web.Response:
        """The receipt's signature is not checked: that is not database work."""
        body = _decode(await request.read())
        caller_id = self._caller(bearer(request))
        shape = self._answers["purchaseCoin"]
        receipt = body["transaction_id"]
        asked = hashlib.sha256(receipt.encode()).digest()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(ledger._OPEN, (caller_id,), ("bought",))
            rows = await connection.fetch(ledger._LOCK, (caller_id, caller_id), ("bought", "earned"))
            wallet = next(row for row in rows if row["kind"] == "bought")
            key = asked.hex()
            await connection.fetchrow(ledger._FIND_TRANSFER, caller_id, "purchase", key)
            await connection.fetchrow(payments._FIND_PURCHASE, "sandbox", key)
            package = await connection.fetchrow(payments._PACKAGE, body["title"])
            assert package is not None
            coins = package["coins"]
            legs = ((None, wallet["id"]), ("store", "bought"), (-coins, coins))
            posted = await connection.fetch(ledger._POST, caller_id, "purchase", key, asked, "sandbox", *legs)
            terms = (package["product_id"], coins, package["price_minor"], package["currency"])
            row = await connection.fetchrow(
                payments._RECORD_PURCHASE, caller_id, "sandbox", key, *terms, body["device"], posted[0]["transfer_id"]
            )
            assert row is not None
        async with self._pool.acquire() as connection:
            own = await own_user(connection, shape["User"], caller_id)
        bought = {**shape["PurchaseCoin"], "id": row["id"], "user_id": caller_id, "transaction_id": receipt}
        return done({**shape, "PurchaseCoin": bought, "User": own})

    def _verify(self, token: str) -> int:
        return int(jwt.decode(token, self._session_secret, algorithms=["HS256"], audience="session")["sub"])


async def own_user(connection: Connection, shape: Json, user_id: int) -> Json:
    row = await connection.fetchrow(accounts._BY_IDS, [user_id])
    balances = await connection.fetch(ledger._BALANCES, [user_id])
    received = await connection.fetch(ledger._RECEIVED, [user_id])
    wallet = sum(row["balance"] for row in balances)
    total = received[0]["coins"] if received else 0
    return {**person(shape, row), "wallet": wallet, "total_all_time_coins": total}


def person(shape: Json, row: asyncpg.Record | None) -> Json:
    assert row is not None
    return {
        **shape,
        "id": row["id"],
        "username": row["username"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "gender": row["gender"],
        "bio": row["bio"],
        "website": row["website"],
        "verified": int(row["verified"]),
        "created": time_of(row["created_at"]),
        "video_count": row["video_count"],
    }


def feed_item(shape: Json, row: asyncpg.Record, owner: Json) -> Json:
    sound = {**shape["Sound"], "id": row["s_id"], "name": row["s_name"], "total_videos": row["s_total_videos"]}
    video = {
        **shape["Video"],
        "id": row["id"],
        "user_id": row["user_id"],
        "description": row["description"],
        "created": time_of(row["created_at"]),
        "User": owner,
        "Sound": sound,
    }
    return {"Video": video, "User": owner, "Sound": sound}


def live(shape: Json, row: asyncpg.Record | None) -> Json:
    assert row is not None
    return {
        **shape,
        "id": row["id"],
        "user_id": row["user_id"],
        "started_at": row["local_start"],
        "created": time_of(row["created_at"]),
        "title": row["title"],
    }


def gift_frame(
    seq: int, at: dt.datetime, gift: Json, count: int, coins: int, parties: asyncpg.Record, receiver_id: int, total: int
) -> str:
    sender = {"id": parties["id"], "username": parties["username"], "profile_pic": parties["profile_pic"]}
    data = {
        "gift_id": gift["id"],
        "title": gift["title"],
        "icon": gift["icon"],
        "count": count,
        "coins": coins,
        "sender": sender,
        "receiver_id": receiver_id,
        "sender_total": total,
        "combo": {"id": f"{parties['id']}-{gift['id']}", "count": 1},
    }
    return _encode({"type": "gift", "seq": seq, "at": at.isoformat(), "data": data}).decode()


def time_of(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def bearer(request: web.Request) -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")


def done(msg: Any) -> web.Response:
    return web.Response(body=_encode({"code": 200, "msg": msg}), content_type="application/json", charset="utf-8")


async def main() -> None:
    leaving = await stdin()
    config = await configuration(leaving)
    async with asyncpg.create_pool(config["dsn"], min_size=1, max_size=POOL_SIZE) as pool:
        app = web.Application()
        app.add_routes(Plain(config, pool).routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        say(port=runner.addresses[0][1])
        await leaving.read()
        await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
