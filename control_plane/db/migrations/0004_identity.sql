-- What is signed is bound to its row. A restored backup gives ids out again, with the same secrets and versions: a random value of the row
-- tells the two apart. Six bytes of a random UUID are random in full.
alter table stream
    add column key_salt bytea not null default substring(uuid_send(gen_random_uuid()) for 6)
        check (octet_length(key_salt) = 6);               -- new with each rotation of the key
alter table app_user
    add column session_salt bytea not null default substring(uuid_send(gen_random_uuid()) for 6)
        check (octet_length(session_salt) = 6);           -- new whenever every session of this person is revoked

-- Sessions that ended by signing out before their tokens expire.
create table ended_session (
    user_id    integer not null references app_user on delete cascade,
    session_id text not null,
    expires_at timestamptz not null,                      -- no token of this session is valid longer
    primary key (user_id, session_id)
);

-- One row: which database this is, compared at the start with a file beside the secrets, and whether development mode used it.
create table installation (
    only_row          boolean primary key default true check (only_row),
    incarnation       text not null default encode(uuid_send(gen_random_uuid()), 'hex'),
    seen              text,                               -- cluster, timeline and table that this row was last seen in
    development_since timestamptz                         -- anybody signed in as anybody, and coins were free
);
insert into installation (development_since)
values (least((select min(created_at) from purchase where store = 'sandbox'),
              (select min(created_at) from user_identity where provider in ('dev', 'uid'))));
