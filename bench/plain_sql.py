"""The SQL of the plain handlers (`plain.py`), which shares nothing with the product's."""

from __future__ import annotations

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
