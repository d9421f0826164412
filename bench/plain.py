"""Baseline of the endpoints: plain handlers as a good programmer writes them on aiohttp's router and asyncpg's pool.

Run as `python -m bench.plain`. They have SQL of their own (`plain_sql.py`): few statements, each of which does as much as
fits, on the same tables. The pool sends no reset query, the catalogues and the states of sessions are cached for a few seconds, and
msgspec decodes and encodes JSON. What correctness needs is there: a session may be revoked or expired, and a repeated
gift or purchase moves no coins. There is no leniency, limit per client, metric, request id or deadline: the benchmark
measures what those cost. An answer is a copy of the product's answer with the values of this request, so it has the same
size.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
import jwt
import msgspec
import uvloop
from aiohttp import web

from bench import plain_sql as sql
from bench.processes import configuration, say, stdin

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.Response]]

POOL_SIZE = 10
CACHED_S = 5.0
"""How long catalogues and states of sessions are cached, as in the product."""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Plain:
    """Handlers. `config["answers"]` has one `msg` of the product for each endpoint."""

    def __init__(self, config: Json, pool: Pool) -> None:
        self._answers: Json = config["answers"]
        self._session_secret = bytes.fromhex(config["session_secret"])
        self._session_key_id = config["session_key_id"]
        self._base = config.get("base", "")
        self._pool = pool
        self._claims = functools.lru_cache(maxsize=20_000)(self._verify)
        self._sessions: dict[int, tuple[float, asyncpg.Record]] = {}
        """Session state by user id, each with the time until which it is used."""
        self._gifts = {entry["Gift"]["id"]: entry["Gift"] for entry in self._answers["showGifts"]}
        self._records: dict[int, tuple[float, Json]] = {}
        """The callers' own records, each with the time until which it is shown."""
        self._catalogues: dict[str, tuple[float, Any]] = {}
        """Messages by endpoint, each with the time until which it is shown."""

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
            "sendGiftByFunction": self.send_gift_by_function,
            "purchaseCoin": self.purchase_coin,
        }
        return [web.post(f"/api/{name}", handler) for name, handler in handlers.items()]

    # ── catalogues ──

    async def show_gifts(self, request: web.Request) -> web.Response:
        _decode(await request.read())
        return done(await self._catalogue("showGifts", self._read_gifts))

    async def show_coin_worth(self, request: web.Request) -> web.Response:
        _decode(await request.read())
        return done(await self._catalogue("showCoinWorth", self._read_packages))

    async def _catalogue(self, name: str, read: Callable[[], Awaitable[Any]]) -> Any:
        until, msg = self._catalogues.get(name, (0.0, None))
        if time.monotonic() >= until:
            msg = await read()
            self._catalogues[name] = time.monotonic() + CACHED_S, msg
        return msg

    async def _read_gifts(self) -> Any:
        shapes = {entry["Gift"]["id"]: entry["Gift"] for entry in self._answers["showGifts"]}
        return [
            {"Gift": {**shapes[row["id"]], "title": row["title"], "coin": row["coins"], "type": row["category"]}}
            for row in await self._pool.fetch(sql.GIFTS)
        ]

    async def _read_packages(self) -> Any:
        packages = [
            {
                "id": row["id"],
                "coins": row["coins"],
                "price": row["price_minor"] / 100,
                "title": row["title"],
                "product_id": row["product_id"],
                "currency": row["currency"],
            }
            for row in await self._pool.fetch(sql.PACKAGES)
        ]
        return {**self._answers["showCoinWorth"], "CoinPackages": packages}

    # ── reading ──

    async def show_related_videos(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(sql.FEED, 10, int(body["starting_point"]) * 10, caller_id)
            owners = await connection.fetch(sql.OWNERS, list({row["user_id"] for row in rows}), caller_id)
        shape = self._answers["showRelatedVideos"][0]
        people = {row["id"]: owner(shape["User"], self._base, row) for row in owners}
        return done([self._feed_item(shape, row, people[row["user_id"]]) for row in rows])

    def _feed_item(self, shape: Json, row: asyncpg.Record, owner: Json) -> Json:
        minutes, seconds = divmod(round(row["s_duration_ms"] / 1000), 60)
        sound = {
            **shape["Sound"],
            "id": row["s_id"],
            "audio": media(self._base, row["s_audio"]),
            "name": row["s_name"],
            "description": row["s_description"],
            "thum": media(self._base, row["s_picture"]),
            "duration": f"{minutes:02}:{seconds:02}",
            "uploaded_by": row["s_uploaded_by"],
            "created": time_of(row["s_created_at"]),
            "total_videos": row["s_total_videos"],
        }
        expires = int(time.time()) // 86_400 * 86_400 + 2 * 86_400
        signature = hmac.digest(self._session_secret, f"{row['id']} {expires}".encode(), "sha256")
        folder = (
            f"{self._base}/videos/{row['id']}/1-{expires}.0{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
        )
        poster = f"{folder}/poster.jpg" if row["poster"] else ""
        video = {
            **shape["Video"],
            "id": row["id"],
            "user_id": row["user_id"],
            "description": row["description"],
            "video": f"{folder}/media.mp4",
            "video_small": f"{folder}/media.mp4",
            "thum": poster,
            "thum_small": poster,
            "default_thumbnail": poster,
            "gif": f"{folder}/preview.gif" if row["preview"] else "",
            "sound_id": row["s_id"],
            "privacy_type": row["privacy"],
            "allow_comments": "true" if row["allow_comments"] else "false",
            "allow_duet": int(row["allow_duet"]),
            "pin": int(row["pinned"]),
            "pin_comment_id": row["pin_comment_id"] or 0,
            "location_id": row["l_id"] or 0,
            "location_title": row["l_name"] or "",
            "location_string": row["l_string"] or "",
            "lat": "0.0" if row["latitude"] is None else f"{row['latitude']:.6f}",
            "long": "0.0" if row["longitude"] is None else f"{row['longitude']:.6f}",
            "width": row["width"],
            "height": row["height"],
            "duration": row["duration_ms"] / 1000,
            "view": row["views"],
            "share": row["shares"],
            "like": int(row["liked"]),
            "favourite": int(row["favourite"]),
            "repost": int(row["reposted"]),
            "like_count": row["likes"],
            "comment_count": row["comments"],
            "favourite_count": row["favourites"],
            "created": time_of(row["created_at"]),
            "User": owner,
            "Sound": sound,
        }
        return {"Video": video, "User": owner, "Sound": sound}

    async def show_user_detail(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        async with self._pool.acquire() as connection:
            if other := body.get("other_user_id"):
                shape = self._answers["showUserDetail/other"]
                user = person(shape["User"], self._base, await connection.fetchrow(sql.PERSON, other))
                await connection.execute(sql.VISIT, other, caller_id)
            else:
                shape = self._answers["showUserDetail"]
                user = own_person(shape["User"], self._base, await connection.fetchrow(sql.OWN, caller_id))
                user["auth_token"] = request.headers["Authorization"].removeprefix("Bearer ")
        settings = {name: user[name] for name in ("PushNotification", "PrivacySetting")}
        return done({**shape, "User": user, **settings})

    async def watch_live_stream(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["watchLiveStream"]
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(sql.STREAM, body["live_streaming_id"])
            own = own_person(shape["User"], self._base, await connection.fetchrow(sql.OWN, caller_id))
        return done({"User": own, "LiveStreaming": live(shape["LiveStreaming"], row)})

    # ── writing ──

    async def register_user(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        name = body["auth_token"].removeprefix("dev:")
        shape = self._answers["registerUser"]
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(sql.OWN_BY_IDENTITY, "dev", name)
            if row is None:
                row = await connection.fetchrow(sql.OWN, await connection.fetchval(sql.SIGN_UP, name))
            assert row is not None
            now, session_id = dt.datetime.now(dt.UTC), secrets.token_hex(12)
            times = {"iat": now, "exp": now + dt.timedelta(days=90)}
            await connection.execute(sql.OPEN_SESSION, row["id"], session_id, *times.values(), request.remote)
        # The product's claims, so that the token has the same length.
        claims = {"sub": str(row["id"]), "salt": row["session_salt"].hex(), "sid": session_id, "aud": "session"}
        headers = {"kid": self._session_key_id}
        token = jwt.encode({**claims, **times}, self._session_secret, algorithm="HS256", headers=headers)
        return done({**shape, "User": {**own_person(shape["User"], self._base, row), "auth_token": token}})

    async def live_stream(self, request: web.Request) -> web.Response:
        """Repeated call before the first publish, as in `endpoints.py`: changes options of the unfinished stream."""
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["liveStream"]
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                row = await connection.fetchrow(sql.CHANGE_STREAM, caller_id, body["title"], body["started_at"])
                assert row is not None
                await connection.execute(sql.NOTIFY, _encode([["", "stream", row["id"], 0]]).decode())
            own = own_person(shape["User"], self._base, await connection.fetchrow(sql.OWN, caller_id))
        return done({"LiveStreaming": live(shape["LiveStreaming"], row), "User": own})

    async def send_gift(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["sendGift"]
        gift, count, receiver_id = self._gifts[body["gift_id"]], body["gift_count"], body["receiver_id"]
        coins = gift["coin"] * count
        asked = hashlib.sha256(_encode([receiver_id, body["gift_id"], count])).digest()
        async with self._pool.acquire() as connection, connection.transaction():
            target = await connection.fetchrow(sql.GIFT_TO, caller_id, receiver_id)
            assert target is not None
            stream_id, seq = target["stream_id"], target["last_seq"] + 1
            held = {row["kind"]: row for row in await connection.fetch(sql.WALLETS, caller_id, receiver_id)}
            wallet, star = held["bought"], held["earned"]
            if wallet["balance"] < coins:
                raise web.HTTPPaymentRequired
            transfer = (caller_id, "gift", body["client_ref"], asked, wallet["id"], star["id"], coins)
            try:
                transfer_id = await connection.fetchval(sql.TRANSFER, *transfer)
            except asyncpg.UniqueViolationError:  # sent before with this key; the transaction is rolled back
                raise web.HTTPConflict from None
            gift_row = (stream_id, body["gift_id"], count, coins, caller_id, receiver_id, transfer_id, seq)
            today = dt.datetime.now(dt.UTC).date()
            week = today - dt.timedelta(days=today.weekday())
            sent = await connection.fetchrow(sql.GIFT, *gift_row, today, week)
            assert sent is not None
            at = dt.datetime.now(dt.UTC)
            frame = gift_frame(seq, at, gift, count, coins, caller_id, target, receiver_id, sent)
            await connection.execute(sql.EVENT, stream_id, seq, at, frame)
        own = {**await self._own(shape["User"], caller_id), "wallet": wallet["balance"] - coins}
        view = {
            **shape["GiftSend"],
            "id": sent["id"],
            "sender_id": caller_id,
            "receiver_id": receiver_id,
            "coin": coins,
        }
        return done({**shape, "User": own, "GiftSend": view, "SentGift": view})

    async def send_gift_by_function(self, request: web.Request) -> web.Response:
        """One gift by the product's function in the database, and nothing else."""
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["sendGift"]
        gift, count, receiver_id = self._gifts[body["gift_id"]], body["gift_count"], body["receiver_id"]
        coins = gift["coin"] * count
        asked = hashlib.sha256(_encode([receiver_id, body["gift_id"], count])).digest()
        at = dt.datetime.now(dt.UTC)
        own = await self._own(shape["User"], caller_id)
        sender = {"user_id": caller_id, "username": own["username"], "profile_pic": own["profile_pic"]}
        data = {"gift_id": gift["id"], "title": gift["title"], "icon": gift["icon"], "count": count, "coins": coins}
        event = _encode({"at": at.isoformat(), "data": {**data, "sender": sender, "receiver_id": receiver_id}}).decode()
        head = f',{event[1:-2]},"sender_total":'
        tail = f',"combo":{{"id":"{caller_id}-{gift["id"]}","count":'
        sent = await self._pool.fetchrow(
            sql.BY_FUNCTION,
            *([caller_id], [receiver_id], [None], [None], [gift["id"]], [count], [coins]),
            *([body["client_ref"]], [asked], [head], [tail], 0, at, False),
        )
        if sent is None or sent["outcome"] != "sent":
            raise web.HTTPPaymentRequired
        own = {**own, "wallet": sent["bought"] + sent["earned"] + sent["reward"]}
        view = {
            **shape["GiftSend"],
            "id": sent["id"],
            "sender_id": caller_id,
            "receiver_id": receiver_id,
            "coin": coins,
        }
        return done({**shape, "User": own, "GiftSend": view, "SentGift": view})

    async def _own(self, shape: Json, user_id: int) -> Json:
        """The caller's record, which is read again after a few seconds."""
        until, own = self._records.get(user_id, (0.0, {}))
        if time.monotonic() >= until:
            own = own_person(shape, self._base, await self._pool.fetchrow(sql.OWN, user_id))
            self._records[user_id] = time.monotonic() + CACHED_S, own
        return own

    async def purchase_coin(self, request: web.Request) -> web.Response:
        """The receipt's signature is not checked: that is not database work."""
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["purchaseCoin"]
        receipt = body["transaction_id"]
        asked = hashlib.sha256(receipt.encode()).digest()
        key = asked.hex()
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                wallet_id = await connection.fetchval(sql.WALLET, caller_id)
                package = await connection.fetchrow(sql.PACKAGE, body["title"])
                assert package is not None
                store_id = await connection.fetchval(sql.STORE)
                transfer = (caller_id, "purchase", key, asked, store_id, wallet_id, package["coins"])
                try:
                    transfer_id = await connection.fetchval(sql.TRANSFER, *transfer)
                except asyncpg.UniqueViolationError:
                    raise web.HTTPConflict from None
                purchase_id = await connection.fetchval(
                    sql.PURCHASE, caller_id, key, *package.values(), body["device"], transfer_id
                )
            own = own_person(shape["User"], self._base, await connection.fetchrow(sql.OWN, caller_id))
        bought = {**shape["PurchaseCoin"], "id": purchase_id, "user_id": caller_id, "transaction_id": receipt}
        return done({**shape, "PurchaseCoin": bought, "User": own})

    async def _caller(self, request: web.Request) -> int:
        claims = self._claims(request.headers["Authorization"].removeprefix("Bearer "))
        user_id = int(claims["sub"])
        until, state = self._sessions.get(user_id, (0.0, None))
        if state is None or time.monotonic() >= until:
            state = await self._pool.fetchrow(sql.SESSION, user_id)
            assert state is not None
            self._sessions[user_id] = time.monotonic() + CACHED_S, state
        revoked = state["session_salt"].hex() != claims["salt"] or claims["sid"] not in state["open"]
        if revoked or not state["admitted"] or claims["exp"] <= time.time():
            raise web.HTTPUnauthorized
        return user_id

    def _verify(self, token: str) -> Json:
        claims: Json = jwt.decode(token, self._session_secret, algorithms=["HS256"], audience="session")
        return claims


def own_person(shape: Json, base: str, row: asyncpg.Record | None) -> Json:
    assert row is not None
    return {**person(shape, base, row), "wallet": row["wallet"], "total_all_time_coins": row["received"]}


def person(shape: Json, base: str, row: asyncpg.Record | None) -> Json:
    assert row is not None
    picture = media(base, row["profile_pic"])
    return {
        **shape,
        "id": row["id"],
        "username": row["username"],
        "first_name": row["first_name"],
        "last_name": row["last_name"],
        "gender": row["gender"],
        "bio": row["bio"],
        "website": row["website"],
        "profile_pic": picture,
        "profile_pic_small": media(base, row["profile_pic_small"]) or picture,
        "profile_gif": media(base, row["profile_gif"]),
        "profile_video": media(base, row["profile_video"]),
        "role": row["role"],
        "verified": int(row["verified"]),
        "city": row["city"],
        "country": row["country"],
        "private": int(row["private"]),
        "profile_view": int(row["profile_view"]),
        "created": time_of(row["created_at"]),
        "video_count": row["video_count"],
        "PushNotification": {
            "id": row["id"],
            "likes": int(row["likes"]),
            "comments": int(row["comments"]),
            "new_followers": int(row["new_followers"]),
            "mentions": int(row["mentions"]),
            "direct_messages": int(row["direct_messages"]),
            "video_updates": int(row["video_updates"]),
        },
        "PrivacySetting": {
            **shape["PrivacySetting"],
            "id": row["id"],
            "videos_download": int(row["videos_download"]),
            "direct_message": row["direct_message"],
            "duet": row["duet"],
            "liked_videos": row["liked_videos"],
            "video_comment": row["video_comment"],
            "found_by_contacts": int(row["found_by_contacts"]),
        },
    }


def owner(shape: Json, base: str, row: asyncpg.Record) -> Json:
    return {
        **person(shape, base, row),
        "notification": int(row["notified"]),
        "followers_count": row["followers"],
        "following_count": row["following"],
        "likes_count": row["likes_received"],
        "button": ("Friends" if row["followed"] else "Following")
        if row["follows"]
        else ("Follow Back" if row["followed"] else "Follow"),
    }


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
    seq: int,
    at: dt.datetime,
    gift: Json,
    count: int,
    coins: int,
    sender_id: int,
    target: asyncpg.Record,
    receiver_id: int,
    sent: asyncpg.Record,
) -> str:
    sender = {"id": sender_id, "username": target["username"], "profile_pic": target["profile_pic"]}
    data = {
        "gift_id": gift["id"],
        "title": gift["title"],
        "icon": gift["icon"],
        "count": count,
        "coins": coins,
        "sender": sender,
        "receiver_id": receiver_id,
        "sender_total": sent["sender_total"],
        "combo": {"id": f"{sender_id}-{gift['id']}", "count": sent["combo"]},
    }
    return _encode({"type": "gift", "seq": seq, "at": at.isoformat(), "data": data}).decode()


def time_of(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def media(base: str, path: str) -> str:
    return f"{base}/media/{path}" if path and not path.startswith(("http://", "https://")) else path


def done(msg: Any) -> web.Response:
    return web.Response(body=_encode({"code": 200, "msg": msg}), content_type="application/json", charset="utf-8")


async def no_reset(connection: object) -> None:
    """For `create_pool`: nothing of a session is changed, so the query that resets it is not sent."""


async def main() -> None:
    leaving = await stdin()
    config = await configuration(leaving)
    pool = asyncpg.create_pool(config["dsn"], min_size=1, max_size=POOL_SIZE, reset=no_reset)
    async with pool:
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
