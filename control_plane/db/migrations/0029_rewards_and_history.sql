-- Daily check-ins, once per user and day (UTC).
create table daily_checkin (
    user_id     integer not null references app_user on delete cascade,
    day         date not null,
    streak      integer not null check (streak > 0),  -- days in a row, this one included
    coins       integer not null check (coins >= 0),
    transfer_id bigint unique references ledger_transfer,
    created_at  timestamptz not null default now(),
    primary key (user_id, day),
    check ((coins > 0) = (transfer_id is not null))
);

-- The coins of all rewards of a user in a day (UTC) are capped, whatever they are for. The check runs at the commit, while the transaction holds
-- the lock of the user's account, so it sees every reward that was committed before.
create function rewards_capped() returns trigger language plpgsql as $$
begin
    if (select -sum(entry.amount)
        from ledger_transfer transfer
            join ledger_entry entry on entry.transfer_id = transfer.id
            join ledger_account account on account.id = entry.account_id
        where transfer.user_id = new.user_id and transfer.operation = 'reward'
            and (transfer.created_at at time zone 'utc')::date = (new.created_at at time zone 'utc')::date
            and account.owner_id is null) > 1000 then
        raise exception 'a user gets at most 1000 coins of rewards in a day' using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger rewards_capped after insert on ledger_transfer deferrable initially deferred
    for each row when (new.operation = 'reward') execute function rewards_capped();

-- The export of a period finds its transfers by time. They are appended in the order of time, so ranges of blocks are enough, which cost the
-- transfers nearly nothing.
create index ledger_transfer_created_at on ledger_transfer using brin (created_at) with (pages_per_range = 32, autosummarize = on);
