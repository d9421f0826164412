-- Gifts on videos, combos, totals by giver, and the function that sends many gifts at once.
alter table gift_sent add column video_id integer references video on delete set null;
alter table gift_sent add constraint gift_sent_place check (stream_id is null or video_id is null);
create index gift_sent_time on gift_sent using brin (created_at);
create index gift_sent_video on gift_sent (video_id, id) where video_id is not null;

-- The same gift that a sender gives to a stream again within five seconds. After a crash the table is empty, and combos begin again.
create unlogged table gift_combo (
    stream_id integer not null,
    sender_id integer not null,
    gift_id   integer not null,
    count     integer not null,
    last_at   timestamptz not null,
    primary key (stream_id, sender_id, gift_id)
) with (fillfactor = 50);

-- What each giver has given to each receiver: ever, on the latest day and in the latest week with a gift (UTC; weeks begin on Monday). One row, so that a gift
-- writes one, and no row of a past day has to be deleted.
-- The ranks rise with the coins, but rarely: a gift seldom writes an index. A top list is read in the order of the rank and sorted within equal ones.
create table gift_total (
    receiver_id integer not null references app_user,
    giver_id    integer not null references app_user,
    coins       bigint not null check (coins > 0),
    day         date not null,
    day_coins   bigint not null check (day_coins > 0),
    week        date not null,
    week_coins  bigint not null check (week_coins > 0),
    rank        smallint not null generated always as (floor(2 * ln(coins::float8))) stored,
    day_rank    smallint not null generated always as (floor(2 * ln(day_coins::float8))) stored,
    week_rank   smallint not null generated always as (floor(2 * ln(week_coins::float8))) stored,
    primary key (receiver_id, giver_id)
) with (fillfactor = 70);
create index gift_total_giver on gift_total (giver_id);
create index gift_total_top on gift_total (receiver_id, rank desc);
create index gift_total_day on gift_total (receiver_id, day, day_rank desc);
create index gift_total_week on gift_total (receiver_id, week, week_rank desc);

insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
select receiver_id, sender_id, sum(coins), last_day, sum(coins) filter (where day = last_day), last_week, sum(coins) filter (where week = last_week)
from (
    select *, max(day) over given as last_day, max(week) over given as last_week
    from (
        select receiver_id, sender_id, coins, (created_at at time zone 'utc')::date as day, date_trunc('week', created_at at time zone 'utc')::date as week
        from gift_sent) as gift
    window given as (partition by receiver_id, sender_id)) as gift
group by receiver_id, sender_id, last_day, last_week;

-- The name, picture and age of users are kept in memory with their sessions.
create function notify_profile() returns trigger language plpgsql as $$
begin
    perform pg_notify('stagedoor', ' user [[' || (to_jsonb(new) ->> tg_argv[0]) || ',0]]');  -- control_plane/bus/notify.py
    return null;
end $$;
create trigger notify_profile after update of username, first_name, last_name, gender, bio, website, dob, email, phone, profile_pic, profile_pic_small,
    profile_gif, profile_video, verified, private, profile_view on app_user
    for each row when (old.* is distinct from new.*) execute function notify_profile('id');
create trigger notify_profile after update on push_setting for each row when (old.* is distinct from new.*) execute function notify_profile('user_id');
create trigger notify_profile after update on privacy_setting for each row when (old.* is distinct from new.*) execute function notify_profile('user_id');

-- What was decided about one gift of a call of `gifts_send`. The balances are those before the call; `left_…` is what the sender has after this gift.
create type gift_decision as (
    number integer, outcome text, missing bigint, stream_id integer, last_seq bigint, gifter_coins bigint, combo_count integer, transfer_id bigint,
    of_reward bigint, of_bought bigint, of_earned bigint, to_earned bigint, to_reward bigint, commission bigint,
    reward_id bigint, bought_id bigint, earned_id bigint, receiver_earned_id bigint, receiver_reward_id bigint,
    reward bigint, bought bigint, earned bigint, receiver_earned bigint, receiver_reward bigint,
    left_bought bigint, left_earned bigint, left_reward bigint, left_debt bigint
);

-- The answer to one gift. `sent` and `repeats` have the gift: a repeat is the first outcome of its idempotency key, with the fingerprint of that request.
create type gift_answer as (
    number integer, outcome text, missing bigint, bought bigint, earned bigint, reward bigint, debt bigint,
    id integer, stream_id integer, video_id integer, seq bigint, gift_id integer, count integer, coins bigint, receiver_id integer, created_at timestamptz,
    frame text, fingerprint bytea, title text, picture text
);

-- Sends up to 64 gifts, and answers each one. An element of an array is about one gift; no two gifts have the same sender and key. A gift is refused without
-- an effect on the others. The steps: create missing accounts, before any lock; lock the logs of the streams and then the accounts of the users, both in the
-- order of their ids; read what decides, in statements that see the commits of those who held these locks; decide one gift after the other, in memory;
-- write. The spending rule is that of `control_plane/ledger/amounts.py`.
--
-- `stream_ids`: null: the receiver's running stream, if the sender may watch it; else the outcome is `plain` and nothing is written, except if `may_be_plain`.
-- A frame is `{"type":"gift","seq":` seq, heads, the sender's coins to the stream, tails, the number in the combo, `}}}`.
-- Outcomes: sent, repeats, plain; refused: hidden (no such receiver for the sender), no_video, not_live, over (another stream than the running one), in_debt,
-- poor (`missing` coins), too_many; alone: undecided among these gifts, send it again by itself.
--
-- Settings: tables grow while the plans of a connection stay, so a plan must use indexes even if it is made while the tables are small.
create function gifts_send(
    sender_ids integer[], receiver_ids integer[], stream_ids integer[], video_ids integer[], gift_ids integer[], counts integer[], prices bigint[],
    keys text[], fingerprints bytea[], heads text[], tails text[], commission_bps integer, happened_at timestamptz, may_be_plain boolean
) returns setof gift_answer language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
#variable_conflict use_column
declare
    largest_balance constant bigint := 1000000000000000;
    today constant date := (now() at time zone 'utc')::date;
    this_week constant date := date_trunc('week', now() at time zone 'utc')::date;
    running integer[];
    to_lock integer[];
    lacks_account boolean;
    hopeless boolean;
    all_coins bigint;
    one record;
    decided gift_decision[] := '{}';
    some_sent boolean := false;
    some_not_sent boolean := false;
    outcome text;
    missing bigint;
    stream_id integer;
    sender integer;
    bought bigint; earned bigint; reward bigint; debt bigint;
    of_reward bigint; of_bought bigint; of_earned bigint; to_earned bigint; to_reward bigint; commission bigint;
begin
    select array_agg(gift.running order by number), array_agg(gift.running) filter (where gift.named is null or gift.named = gift.running),
        bool_or(gift.lacks_account), bool_and(gift.poor), sum(gift.price)
    into running, to_lock, lacks_account, hopeless, all_coins
    from (
        select given.number, given.named, given.price,
            case when given.video_id is null
                then (select stream.id from stream where stream.user_id = given.receiver_id and status <> 'ended') end as running,
            (select id from ledger_account where owner_id = given.receiver_id and kind = 'earned') is null
                or ((select balance from ledger_account where owner_id = given.sender_id and kind = 'reward') > 0
                    and (select id from ledger_account where owner_id = given.receiver_id and kind = 'reward') is null) as lacks_account,
            given.price > (select coalesce(sum(balance), 0) from ledger_account where owner_id = given.sender_id and kind <> 'debt') as poor
        from unnest(sender_ids, receiver_ids, stream_ids, video_ids, prices)
            with ordinality as given (sender_id, receiver_id, named, video_id, price, number)) as gift;

    -- Gifts whose senders have all too few coins keep no one waiting. If the coins arrive meanwhile, the outcome is `alone`.
    if not hopeless then
        if lacks_account then
            insert into ledger_account (owner_id, kind, balance)
            select wanted.owner_id, wanted.kind, 0
            from (
                select receiver_id as owner_id, 'earned' as kind from unnest(receiver_ids) as receiver_id
                union
                select receiver_id, 'reward' from unnest(sender_ids, receiver_ids) as given (sender_id, receiver_id)
                where (select balance from ledger_account where owner_id = sender_id and kind = 'reward') > 0) as wanted
            where (select id from app_user where id = wanted.owner_id) is not null
                and (select id from ledger_account account where account.owner_id = wanted.owner_id and account.kind = wanted.kind) is null
            order by wanted.owner_id, wanted.kind
            on conflict do nothing;
        end if;
        if to_lock is not null then
            perform from stream_log log where log.stream_id = any (to_lock) order by log.stream_id for no key update;
        end if;
        perform from ledger_account where owner_id = any (sender_ids || receiver_ids) order by id for no key update;
        if may_be_plain then  -- a video must not be deleted before its gift is written
            perform from video where id = any (video_ids) order by id for key share;
        end if;
    end if;

    for one in
        select given.number::integer as number, given.sender_id, given.named, given.running, given.price,
            (select id from ledger_transfer where user_id = given.sender_id and operation = 'gift' and idempotency_key = given.key) as found_id,
            sending.role is not null and (select id from visible_user where id = given.receiver_id) is not null and not coalesce(
                (select true from block where blocker_id = given.sender_id and blocked_id = given.receiver_id),
                (select true from block where blocker_id = given.receiver_id and blocked_id = given.sender_id), false) as sees,
            stream.visibility = 'public' or sending.role = 'operator' as is_open,
            stream.status = 'ended' or log.closed as is_over,
            log.last_seq,
            given.video_id is not null and (select user_id from video where id = given.video_id) is distinct from given.receiver_id as lacks_video,
            (select coins from stream_gifter where stream_id = given.running and user_id = given.sender_id) as gifter_coins,
            coalesce((select count from gift_combo where stream_id = given.running and sender_id = given.sender_id and gift_id = given.gift_id
                and last_at > clock_timestamp() - interval '5 seconds'), 0) as combo_count,
            own.*, receiver.*
        from unnest(sender_ids, receiver_ids, stream_ids, running, video_ids, gift_ids, prices, keys)
            with ordinality as given (sender_id, receiver_id, named, running, video_id, gift_id, price, key, number)
        left join lateral (select role from app_user where id = given.sender_id and deleted_at is null offset 0) as sending on true
        left join lateral (select visibility, status from stream where id = given.running offset 0) as stream on true
        left join lateral (select last_seq, closed from stream_log where stream_id = given.running offset 0) as log on true
        cross join lateral (
            select max(id) filter (where kind = 'bought') as bought_id, coalesce(max(balance) filter (where kind = 'bought'), 0) as bought,
                max(id) filter (where kind = 'earned') as earned_id, coalesce(max(balance) filter (where kind = 'earned'), 0) as earned,
                max(id) filter (where kind = 'reward') as reward_id, coalesce(max(balance) filter (where kind = 'reward'), 0) as reward,
                -coalesce(max(balance) filter (where kind = 'debt'), 0) as debt
            from ledger_account where owner_id = given.sender_id) as own
        cross join lateral (
            select max(id) filter (where kind = 'earned') as receiver_earned_id, max(balance) filter (where kind = 'earned') as receiver_earned,
                max(id) filter (where kind = 'reward') as receiver_reward_id, max(balance) filter (where kind = 'reward') as receiver_reward
            from ledger_account where owner_id = given.receiver_id) as receiver
        order by given.sender_id, given.number
    loop
        if sender is distinct from one.sender_id then
            sender := one.sender_id;
            bought := one.bought; earned := one.earned; reward := one.reward; debt := one.debt;
        end if;
        missing := null;
        stream_id := case when one.is_open and not one.is_over then one.running end;
        if one.found_id is not null then
            outcome := 'repeats';
        elsif not one.sees then
            outcome := case when one.named is null then 'hidden' else 'not_live' end;
        elsif one.lacks_video then
            outcome := 'no_video';
        elsif one.named is not null and one.is_open is not true then
            outcome := 'not_live';
        elsif one.named is not null and stream_id is distinct from one.named then
            outcome := 'over';
        elsif stream_id is null and not may_be_plain then
            outcome := 'plain';
        elsif debt > 0 then
            outcome := 'in_debt'; missing := debt;
        elsif bought + earned + reward < one.price then
            outcome := 'poor'; missing := one.price - bought - earned - reward;
        else
            of_reward := least(reward, one.price);
            of_bought := least(bought, one.price - of_reward);
            of_earned := one.price - of_reward - of_bought;
            commission := one.price * commission_bps / 10000;
            to_earned := (one.price - of_reward) - (one.price - of_reward) * commission_bps / 10000;
            to_reward := one.price - commission - to_earned;
            if hopeless or one.receiver_earned_id is null or (to_reward > 0 and one.receiver_reward_id is null) then
                outcome := 'alone';
            elsif greatest(one.receiver_earned + to_earned, one.receiver_reward + to_reward) + all_coins - one.price > largest_balance then
                outcome := case when cardinality(keys) = 1 then 'too_many' else 'alone' end;
            else
                outcome := 'sent';
                some_sent := true;
                reward := reward - of_reward; bought := bought - of_bought; earned := earned - of_earned;
            end if;
        end if;
        some_not_sent := some_not_sent or outcome <> 'sent';
        decided := array_append(decided, row(
            one.number, outcome, missing, stream_id, one.last_seq, one.gifter_coins, one.combo_count, one.found_id,
            of_reward, of_bought, of_earned, to_earned, to_reward, commission,
            one.reward_id, one.bought_id, one.earned_id, one.receiver_earned_id, one.receiver_reward_id,
            one.reward, one.bought, one.earned, one.receiver_earned, one.receiver_reward,
            bought, earned, reward, debt)::gift_decision);
    end loop;

    if some_sent then
        return query
        with sent as materialized (
            select gift.number, gift.stream_id, sender_ids[number] as sender_id, receiver_ids[number] as receiver_id, video_ids[number] as video_id,
                gift_ids[number] as gift_id, counts[number] as count, prices[number] as price,
                of_reward, of_bought, of_earned, to_earned, to_reward, commission,
                reward_id, bought_id, earned_id, receiver_earned_id, receiver_reward_id,
                gift.reward, gift.bought, gift.earned, receiver_earned, receiver_reward,
                left_bought, left_earned, left_reward, left_debt,
                nextval('ledger_transfer_id_seq') as transfer_id, nextval('gift_sent_id_seq')::integer as sent_id,
                last_seq + row_number() over (partition by gift.stream_id order by number) as seq,
                (coalesce(gifter_coins, 0) + sum(prices[number]) over (partition by gift.stream_id, sender_ids[number] order by number))::bigint as sender_total,
                combo_count + row_number() over (partition by gift.stream_id, sender_ids[number], gift_ids[number] order by number) as combo_count
            from unnest(decided) as gift
            where gift.outcome = 'sent'
            order by number
        ), framed as materialized (
            select sent.*, '{"type":"gift","seq":' || seq || heads[number] || sender_total || tails[number] || combo_count || '}}}' as frame from sent
        ), transfer as (
            insert into ledger_transfer (id, user_id, operation, idempotency_key, fingerprint) overriding system value
            select transfer_id, sender_id, 'gift', keys[number], fingerprints[number] from sent
        ), leg as materialized (
            select number, transfer_id, leg.account_id, leg.amount,
                (leg.before + sum(leg.amount) over (partition by leg.account_id order by leg.amount > 0, number))::bigint as balance_after
            from sent cross join lateral (values
                (reward_id, -of_reward, sent.reward), (bought_id, -of_bought, sent.bought), (earned_id, -of_earned, sent.earned),
                (receiver_earned_id, to_earned, receiver_earned), (receiver_reward_id, to_reward, receiver_reward),
                ((select id from ledger_account where owner_id is null and kind = 'commission'), commission, null)) as leg (account_id, amount, before)
            where leg.amount <> 0
        ), entry as (
            insert into ledger_entry (transfer_id, account_id, amount, balance_after)
            select transfer_id, account_id, amount, balance_after from leg order by amount > 0, number
        ), moved as (
            update ledger_account account set balance = account.balance + change.amount
            from (select account_id, sum(amount)::bigint as amount from leg where balance_after is not null group by account_id) as change
            where account.id = change.account_id
        ), kept as (
            insert into gift_sent (id, stream_id, video_id, seq, gift_id, count, coins, sender_id, receiver_id, transfer_id)
            select sent_id, sent.stream_id, video_id, seq, gift_id, count, price, sender_id, receiver_id, transfer_id from sent
        ), event as (
            insert into stream_event (stream_id, seq, type, at, frame)
            select framed.stream_id, seq, 'gift', happened_at, frame from framed where framed.stream_id is not null
        ), numbered as (
            update stream_log log set last_seq = log.last_seq + added.events
            from (select sent.stream_id, count(*) as events from sent where sent.stream_id is not null group by sent.stream_id) as added
            where log.stream_id = added.stream_id
        ), earning as (
            update stream set coins = stream.coins + added.coins
            from (select sent.stream_id, sum(price)::bigint as coins from sent where sent.stream_id is not null group by sent.stream_id) as added
            where stream.id = added.stream_id
        ), gifter as (
            insert into stream_gifter (stream_id, user_id, coins)
            select sent.stream_id, sender_id, sum(price) from sent where sent.stream_id is not null group by sent.stream_id, sender_id
            on conflict on constraint stream_gifter_pkey do update set coins = stream_gifter.coins + excluded.coins
        ), combo as (
            insert into gift_combo (stream_id, sender_id, gift_id, count, last_at)
            select sent.stream_id, sender_id, gift_id, max(combo_count), clock_timestamp() from sent where sent.stream_id is not null
            group by sent.stream_id, sender_id, gift_id
            on conflict on constraint gift_combo_pkey do update set count = excluded.count, last_at = excluded.last_at
        ), received as (
            insert into coins_received (user_id, coins) select receiver_id, sum(price) from sent group by receiver_id
            on conflict on constraint coins_received_pkey do update set coins = coins_received.coins + excluded.coins
        ), total as (
            insert into gift_total (receiver_id, giver_id, coins, day, day_coins, week, week_coins)
            select receiver_id, sender_id, sum(price), today, sum(price), this_week, sum(price) from sent group by receiver_id, sender_id
            on conflict on constraint gift_total_pkey do update set
                coins = gift_total.coins + excluded.coins,
                day = greatest(gift_total.day, excluded.day),
                day_coins = case when gift_total.day > excluded.day then 0 else excluded.day_coins end
                    + case when gift_total.day >= excluded.day then gift_total.day_coins else 0 end,
                week = greatest(gift_total.week, excluded.week),
                week_coins = case when gift_total.week > excluded.week then 0 else excluded.week_coins end
                    + case when gift_total.week >= excluded.week then gift_total.week_coins else 0 end
        )
        select number, 'sent', null::bigint, left_bought, left_earned, left_reward, left_debt,
            sent_id, framed.stream_id, video_id, seq, gift_id, count, price, receiver_id, now(), frame, null::bytea, null::text, null::text
        from framed;
    end if;

    if some_not_sent then
        return query
        select gift.number, gift.outcome, gift.missing, left_bought, left_earned, left_reward, left_debt,
            first.id, first.stream_id, first.video_id, first.seq, first.gift_id, first.count, first.coins, first.receiver_id, first.created_at,
            null::text, transfer.fingerprint, offered.title, offered.picture
        from unnest(decided) as gift
        left join ledger_transfer transfer on transfer.id = gift.transfer_id
        left join gift_sent first on first.transfer_id = gift.transfer_id
        left join lateral (  -- as it was when the gift was sent (0030)
            select title, picture from gift_terms where gift_id = first.gift_id and since <= first.created_at order by since desc limit 1
        ) as offered on true
        where gift.outcome <> 'sent';
    end if;
end $$;
