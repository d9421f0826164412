-- Sessions are rows: a token is valid while the row of its session exists. Every user signs in again after this migration, because the sessions
-- of earlier tokens have no rows.
create table session (
    user_id      integer not null references app_user on delete cascade,
    session_id   text not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,                -- no token of this session is valid longer
    last_used_at timestamptz not null,                -- a few minutes late at most; the next three are of the same moment
    address      text not null default '',
    country      text not null default '',            -- two letters, from a trusted proxy
    device       text not null default '',            -- what the client's User-Agent says
    app          text not null default '',
    device_token text not null default '',            -- the push service's name of the phone that signed in
    primary key (user_id, session_id)
);
create index session_expiry on session (expires_at);
drop table ended_session;
alter table app_user drop column session_version;
