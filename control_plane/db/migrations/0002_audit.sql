-- What operators did: written with the act itself, never changed.
create table audit_log (
    id      bigint generated always as identity primary key,
    at      timestamptz not null default now(),
    actor   text not null check (actor <> ''),        -- cli:<login name>, user:<id>
    act     text not null,                            -- <what>.<what was done to it>
    subject text not null,                            -- user:<id>, stream:<id>, secrets:<purpose>
    detail  jsonb not null default '{}'
);
create index audit_log_subject on audit_log (subject, id);

create trigger audit_log_append_only before update or delete or truncate on audit_log
    for each statement execute function ledger_append_only();
