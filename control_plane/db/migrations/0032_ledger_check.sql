-- The latest check of what was new, and the latest one of the whole ledger. The next check of what is new starts after the greater numbers.
create table ledger_check (
    kind        text primary key check (kind in ('new', 'full')),
    entry_id    bigint not null,
    transfer_id bigint not null,
    checked_at  timestamptz not null default now(),
    differences bigint not null,
    found       text[] not null                       -- the first of them
);
