-- Where users are paid out to, and their requests. An address is encrypted with a secret that is not in the database; the user and the kind of
-- address are part of what is authenticated, so it can be read in no other user's row. `shown` is the address as lists show it: j•••@example.com.
create table payout_detail (
    user_id    integer primary key references app_user,
    id         integer generated always as identity unique check (id > 0),
    method     text not null check (method in ('paypal', 'bank', 'wallet')),
    sealed     bytea not null,
    key_id     text not null,                         -- of the secret that encrypted it
    shown      text not null,
    created_at timestamptz not null default now(),
    changed_at timestamptz                            -- none: the first address. No payout for some time after a change
);
create index payout_detail_key on payout_detail (key_id, user_id);
create trigger notify_profile after insert or update of shown on payout_detail for each row execute function notify_profile('user_id');

create table payout_request (
    id             integer generated always as identity primary key check (id > 0),
    user_id        integer not null references app_user,
    coins          bigint not null check (coins > 0),
    cash_per_coin  numeric not null check (cash_per_coin >= 0),
    amount         numeric(20, 2) not null check (amount > 0),    -- coins × cash_per_coin, rounded down
    currency       text not null,
    method         text not null check (method in ('paypal', 'bank', 'wallet')),
    sealed         bytea,                             -- the address that it was made with; none: the user is removed
    key_id         text,
    shown          text not null,
    state          text not null default 'requested' check (state in ('requested', 'approved', 'paid', 'rejected')),
    transfer_id    bigint not null unique references ledger_transfer,  -- earnings → reserved
    end_id         bigint unique references ledger_transfer,           -- reserved → paid, or back to the earnings
    created_at     timestamptz not null default now(),
    approved_at    timestamptz,
    approved_by    text,                              -- an actor of the audit log
    exported_at    timestamptz,                       -- written into a file for the bank
    ended_at       timestamptz,
    reason         text not null default '',          -- of a rejection, as the user reads it
    bank_reference text not null default '',
    check ((state in ('paid', 'rejected')) = (end_id is not null) and (end_id is null) = (ended_at is null)),
    check ((approved_at is null) = (approved_by is null)),
    check (state not in ('approved', 'paid') or approved_at is not null),
    check (exported_at is null or approved_at is not null),
    check ((sealed is null) = (key_id is null) and (sealed is not null or state in ('paid', 'rejected')))
);
create unique index payout_request_open on payout_request (user_id) where state in ('requested', 'approved');
create index payout_request_user on payout_request (user_id, id);
create index payout_request_waiting on payout_request (id) where state in ('requested', 'approved');
create index payout_request_state on payout_request (state, id);
create index payout_request_key on payout_request (key_id, id) where sealed is not null;

-- The old column of plain addresses. A job encrypts what is in it and empties it.
create index app_user_plain_payout on app_user (id) where paypal <> '';

-- Coins that an account of earnings got since a time, from the newest entry back, so that it reads no more than the entries of that time, and none once the
-- account has no more coins than that: then nothing is older. Entries of transactions that waited for a lock can be older than the one before them: by less
-- than a minute.
create function earned_since(account bigint, since timestamptz, balance bigint) returns bigint language plpgsql stable as $$
declare
    entry record;
    earned bigint := 0;
begin
    for entry in
        select amount, transfer.created_at, operation in ('payout_returned', 'refund') as returned
        from ledger_entry join ledger_transfer transfer on transfer.id = transfer_id
        where account_id = account order by ledger_entry.id desc
    loop
        exit when entry.created_at <= since - interval '1 minute' or earned >= balance;
        if entry.amount > 0 and entry.created_at > since and not entry.returned then
            earned := earned + entry.amount;
        end if;
    end loop;
    return least(earned, balance);
end $$;

alter table contact_code drop constraint contact_code_purpose_check;
alter table contact_code add check (purpose in ('sign_in', 'reset_password', 'change_contact', 'change_payout'));
alter table account_notice drop constraint account_notice_about_check;
alter table account_notice add check (
    about in ('email_changed', 'phone_changed', 'password_changed', 'payout_added', 'payout_changed'));
