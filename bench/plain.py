"""Baseline of the endpoints: plain handlers as a good programmer writes them on aiohttp's router and asyncpg's pool.

Run as `python -m bench.plain`. The SQL is the handlers' own: few statements, each of which does as much as fits, on the
same tables. The pool sends no reset query, the catalogues and the states of sessions are cached for a few seconds, and
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

from bench.processes import configuration, say, stdin

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Json = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.Response]]

POOL_SIZE = 10
CACHED_S = 5.0
"""How long catalogues and states of sessions are cached, as in the product."""
SESSION = """
    select session_salt, banned_at is null as admitted, array(select session_id from session where user_id = $1) as open
    from app_user where id = $1 and deleted_at is null
"""
OPEN_SESSION = """
    with old as (delete from session where user_id = $1 and session_id in (
        select session_id from session where user_id = $1 order by created_at desc, session_id offset 99))
    insert into session (user_id, session_id, created_at, expires_at, last_used_at, address, country, app, device, device_token)
    values ($1, $2, $3, $4, $3, $5, '', '', '', '')
"""
_PERSON = """
    select u.id, u.username, u.first_name, u.last_name, u.gender, u.bio, u.website, u.dob, u.email, u.phone, u.social,
        u.social_id, u.profile_pic, u.profile_pic_small, u.profile_gif, u.profile_video, u.profile_view, u.role,
        u.verified, u.private, u.country, u.city, u.paypal, u.referral_code,
        u.device_token, u.banned_at, u.created_at, push.likes, push.comments, push.new_followers, push.mentions,
        push.direct_messages, push.video_updates, privacy.videos_download, privacy.direct_message, privacy.duet,
        privacy.liked_videos, privacy.video_comment, privacy.found_by_contacts, u.session_salt,
        exists (select from verification_request where user_id = u.id and decided_at is null) as verification_applied,
        (select coalesce(sum(value), 0) from counter where name = 'user.videos' and subject_id = u.id)::int as video_count
"""
_OF_PERSON = """
    from app_user u join push_setting push on push.user_id = u.id join privacy_setting privacy on privacy.user_id = u.id
"""
PEOPLE = f"{_PERSON} {_OF_PERSON} where u.id = any($1::integer[]) and u.deleted_at is null"
PERSON = f"{_PERSON} {_OF_PERSON} where u.id = $1 and u.deleted_at is null"
_OWN = f"""
    {_PERSON},
    (select coalesce(sum(value), 0) from counter where name = 'user.unseen_visits' and subject_id = u.id)::int as visits,
    (select coalesce(sum(balance), 0) from ledger_account where owner_id = u.id)::bigint as wallet,
    coalesce((select coins from coins_received where user_id = u.id), 0) as received {_OF_PERSON}
"""
OWN = f"{_OWN} where u.id = $1 and u.deleted_at is null"
OWN_BY_IDENTITY = f"""
    {_OWN} where u.id = (select user_id from user_identity where provider = $1 and subject = $2) and u.deleted_at is null
"""
VISIT = """
    insert into profile_visit (user_id, visitor_id) values ($1, $2)
    on conflict (user_id, visitor_id) do update set visited_at = now(), seen = false
"""
SIGN_UP = """
    with person as (insert into app_user (username, social) values ($1, '') returning id),
        push as (insert into push_setting (user_id) select id from person),
        privacy as (insert into privacy_setting (user_id) select id from person),
        identity as (insert into user_identity (provider, subject, user_id) select 'dev', $1, id from person)
    select id from person
"""
GIFTS = "select id, title, coins, picture, category, featured, time_s, position, created_at from gift where active order by position"
PACKAGES = "select id, product_id, title, coins, price_minor, currency from coin_package where active order by coins"
FEED = """
    select v.id, v.user_id, v.description, v.privacy, v.allow_comments, v.allow_duet, v.pinned,
        v.pin_comment_id, v.latitude, v.longitude, v.created_at, c.media, c.poster, c.preview, c.width, c.height, c.duration_ms,
        s.id as s_id, s.name as s_name, s.description as s_description, s.audio as s_audio, s.picture as s_picture,
        s.duration_ms as s_duration_ms, s.uploaded_by as s_uploaded_by, s.created_at as s_created_at,
        (select coalesce(sum(value), 0) from counter where name = 'sound.videos' and subject_id = s.id)::int as s_total_videos,
        l.id as l_id, l.name as l_name, l.string as l_string,
        n.likes, n.comments, n.favourites, n.shares, n.views,
        exists (select from video_like where video_id = v.id and user_id = $3) as liked,
        exists (select from video_favourite where video_id = v.id and user_id = $3) as favourite,
        exists (select from video_repost where video_id = v.id and user_id = $3) as reposted
    from (
        select * from video where privacy = 'public' and not hidden and state = 'ready' and not story
            and user_id not in (
                select blocked_id from block where blocker_id = $3 union all select blocker_id from block where blocked_id = $3)
            and id not in (select video_id from not_interested where user_id = $3)
        order by id desc limit $1 offset $2) v
    join video_content c on c.id = v.content_id
    left join sound s on s.id = v.sound_id
    left join location l on l.id = v.location_id
    cross join lateral (
        select coalesce(sum(likes), 0)::int as likes, coalesce(sum(comments), 0)::int as comments,
            coalesce(sum(favourites), 0)::int as favourites, coalesce(sum(shares), 0)::int as shares,
            coalesce(sum(views), 0)::int as views
        from video_count where video_id = v.id) n
    order by v.id desc
"""
OWNERS = f"""
    {_PERSON},
        (select coalesce(sum(value), 0) from counter where name = 'user.followers' and subject_id = u.id)::int as followers,
        (select coalesce(sum(value), 0) from counter where name = 'user.following' and subject_id = u.id)::int as following,
        (select coalesce(sum(value), 0) from counter where name = 'user.likes' and subject_id = u.id)::int as likes_received,
        exists (select from follow where follower_id = $2 and followed_id = u.id) as follows,
        exists (select from follow where follower_id = $2 and followed_id = u.id and notified) as notified,
        exists (select from follow where follower_id = u.id and followed_id = $2) as followed
    {_OF_PERSON} where u.id = any($1::integer[]) and u.deleted_at is null and u.banned_at is null
"""
_STREAM = "id, user_id, path, status, visibility, price, title, grace_s, local_start, created_at, live_at, ended_at, coins, likes"
STREAM = f"select {_STREAM} from stream where id = $1"
CHANGE_STREAM = f"""
    update stream set title = $2, local_start = $3 where user_id = $1 and status = 'created' returning {_STREAM}
"""
NOTIFY = "select pg_notify('stagedoor', $1)"
GIFT_TO = """
    select log.stream_id, log.last_seq, sender.username, sender.profile_pic
    from stream join stream_log log on log.stream_id = stream.id, app_user sender
    where stream.user_id = $2 and stream.status <> 'ended' and sender.id = $1
    for update of log
"""
WALLETS = """
    select id, owner_id, kind, balance from ledger_account
    where owner_id = $1 and kind = 'bought' or owner_id = $2 and kind = 'earned' order by id for no key update
"""
TRANSFER = """
    with transfer as (
        insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint) values ($1, $2, $3, $4) returning id
    ), paid as (
        update ledger_account set balance = balance - $7 where id = $5 and owner_id is not null returning balance
    ), credited as (
        update ledger_account set balance = balance + $7 where id = $6 returning balance
    )
    insert into ledger_entry (transfer_id, account_id, amount, balance_after)
    select transfer.id, $5::bigint, -$7::bigint, (select balance from paid) from transfer
    union all select transfer.id, $6::bigint, $7::bigint, (select balance from credited) from transfer
    returning transfer_id
"""
GIFT = """
    with sent as (
        insert into gift_sent (stream_id, gift_id, count, coins, sender_id, receiver_id, transfer_id, seq)
        values ($1, $2, $3, $4, $5, $6, $7, $8) returning id
    ), gifter as (
        insert into stream_gifter (stream_id, user_id, coins) values ($1, $5, $4)
        on conflict (stream_id, user_id) do update set coins = stream_gifter.coins + excluded.coins returning coins
    ), received as (
        insert into coins_received (user_id, coins) values ($6, $4)
        on conflict (user_id) do update set coins = coins_received.coins + excluded.coins
    ), total as (
        insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
        values ($6, $5, $4, $9, $4, $10, $4)
        on conflict (receiver_id, giver_id) do update set coins = gift_total.coins + excluded.coins, day = excluded.day,
            day_coins = excluded.day_coins + case when gift_total.day = excluded.day then gift_total.day_coins else 0 end,
            week = excluded.week,
            week_coins = excluded.week_coins + case when gift_total.week = excluded.week then gift_total.week_coins else 0 end
    ), combo as (
        insert into gift_combo (stream_id, sender_id, gift_id, count, last_at) values ($1, $5, $2, 1, now())
        on conflict (stream_id, sender_id, gift_id) do update set last_at = now(),
            count = case when gift_combo.last_at > now() - interval '5 seconds' then gift_combo.count + 1 else 1 end
        returning count
    ), earned as (update stream set coins = coins + $4 where id = $1)
    select sent.id, gifter.coins as sender_total, combo.count as combo from sent, gifter, combo
"""
EVENT = """
    with event as (insert into stream_event (stream_id, seq, type, at, frame) values ($1, $2, 'gift', $3, $4))
    update stream_log set last_seq = $2 where stream_id = $1
"""
BY_FUNCTION = "select * from gifts_send($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
WALLET = """
    with opened as (
        insert into ledger_account (owner_id, kind, balance) values ($1, 'bought', 0) on conflict (owner_id, kind) do nothing
        returning id)
    select id from opened union all select id from ledger_account where owner_id = $1 and kind = 'bought' limit 1
"""
STORE = "select id from ledger_account where owner_id is null and kind = 'store'"
PACKAGE = "select id, product_id, title, coins, price_minor, currency from coin_package where product_id = $1"
PURCHASE = """
    insert into purchase (user_id, store, transaction_id, package_id, product_id, title, coins, price_minor, currency,
        device, bought_at, transfer_id)
    values ($1, 'sandbox', $2, $3, $4, $5, $6, $7, $8, $9, now(), $10) returning id
"""

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
            for row in await self._pool.fetch(GIFTS)
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
            for row in await self._pool.fetch(PACKAGES)
        ]
        return {**self._answers["showCoinWorth"], "CoinPackages": packages}

    # ── reading ──

    async def show_related_videos(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(FEED, 10, int(body["starting_point"]) * 10, caller_id)
            owners = await connection.fetch(OWNERS, list({row["user_id"] for row in rows}), caller_id)
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
                user = person(shape["User"], self._base, await connection.fetchrow(PERSON, other))
                await connection.execute(VISIT, other, caller_id)
            else:
                shape = self._answers["showUserDetail"]
                user = own_person(shape["User"], self._base, await connection.fetchrow(OWN, caller_id))
                user["auth_token"] = request.headers["Authorization"].removeprefix("Bearer ")
        settings = {name: user[name] for name in ("PushNotification", "PrivacySetting")}
        return done({**shape, "User": user, **settings})

    async def watch_live_stream(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["watchLiveStream"]
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(STREAM, body["live_streaming_id"])
            own = own_person(shape["User"], self._base, await connection.fetchrow(OWN, caller_id))
        return done({"User": own, "LiveStreaming": live(shape["LiveStreaming"], row)})

    # ── writing ──

    async def register_user(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        name = body["auth_token"].removeprefix("dev:")
        shape = self._answers["registerUser"]
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(OWN_BY_IDENTITY, "dev", name)
            if row is None:
                row = await connection.fetchrow(OWN, await connection.fetchval(SIGN_UP, name))
            assert row is not None
            now, session_id = dt.datetime.now(dt.UTC), secrets.token_hex(12)
            times = {"iat": now, "exp": now + dt.timedelta(days=90)}
            await connection.execute(OPEN_SESSION, row["id"], session_id, *times.values(), request.remote)
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
                row = await connection.fetchrow(CHANGE_STREAM, caller_id, body["title"], body["started_at"])
                assert row is not None
                await connection.execute(NOTIFY, _encode([["", "stream", row["id"], 0]]).decode())
            own = own_person(shape["User"], self._base, await connection.fetchrow(OWN, caller_id))
        return done({"LiveStreaming": live(shape["LiveStreaming"], row), "User": own})

    async def send_gift(self, request: web.Request) -> web.Response:
        body = _decode(await request.read())
        caller_id = await self._caller(request)
        shape = self._answers["sendGift"]
        gift, count, receiver_id = self._gifts[body["gift_id"]], body["gift_count"], body["receiver_id"]
        coins = gift["coin"] * count
        asked = hashlib.sha256(_encode([receiver_id, body["gift_id"], count])).digest()
        async with self._pool.acquire() as connection, connection.transaction():
            target = await connection.fetchrow(GIFT_TO, caller_id, receiver_id)
            assert target is not None
            stream_id, seq = target["stream_id"], target["last_seq"] + 1
            held = {row["kind"]: row for row in await connection.fetch(WALLETS, caller_id, receiver_id)}
            wallet, star = held["bought"], held["earned"]
            if wallet["balance"] < coins:
                raise web.HTTPPaymentRequired
            transfer = (caller_id, "gift", body["client_ref"], asked, wallet["id"], star["id"], coins)
            try:
                transfer_id = await connection.fetchval(TRANSFER, *transfer)
            except asyncpg.UniqueViolationError:  # sent before with this key; the transaction is rolled back
                raise web.HTTPConflict from None
            gift_row = (stream_id, body["gift_id"], count, coins, caller_id, receiver_id, transfer_id, seq)
            today = dt.datetime.now(dt.UTC).date()
            week = today - dt.timedelta(days=today.weekday())
            sent = await connection.fetchrow(GIFT, *gift_row, today, week)
            assert sent is not None
            at = dt.datetime.now(dt.UTC)
            frame = gift_frame(seq, at, gift, count, coins, caller_id, target, receiver_id, sent)
            await connection.execute(EVENT, stream_id, seq, at, frame)
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
            BY_FUNCTION,
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
            own = own_person(shape, self._base, await self._pool.fetchrow(OWN, user_id))
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
                wallet_id = await connection.fetchval(WALLET, caller_id)
                package = await connection.fetchrow(PACKAGE, body["title"])
                assert package is not None
                store_id = await connection.fetchval(STORE)
                transfer = (caller_id, "purchase", key, asked, store_id, wallet_id, package["coins"])
                try:
                    transfer_id = await connection.fetchval(TRANSFER, *transfer)
                except asyncpg.UniqueViolationError:
                    raise web.HTTPConflict from None
                purchase_id = await connection.fetchval(
                    PURCHASE, caller_id, key, *package.values(), body["device"], transfer_id
                )
            own = own_person(shape["User"], self._base, await connection.fetchrow(OWN, caller_id))
        bought = {**shape["PurchaseCoin"], "id": purchase_id, "user_id": caller_id, "transaction_id": receipt}
        return done({**shape, "PurchaseCoin": bought, "User": own})

    async def _caller(self, request: web.Request) -> int:
        claims = self._claims(request.headers["Authorization"].removeprefix("Bearer "))
        user_id = int(claims["sub"])
        until, state = self._sessions.get(user_id, (0.0, None))
        if state is None or time.monotonic() >= until:
            state = await self._pool.fetchrow(SESSION, user_id)
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
