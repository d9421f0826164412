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

-- Deleted accounts: invisible and signed out at once, brought back by signing in, removed for good after some days. The row stays, because the
-- ledger refers to it.
alter table app_user
    add column deletion_asked_at timestamptz,             -- told what would be lost, and asked to call again
    add column deleted_at timestamptz,
    add column removed_at timestamptz,                    -- nothing in this row tells who it was
    add check (removed_at is null or deleted_at is not null);
create index app_user_deleted on app_user (deleted_at) where deleted_at is not null and removed_at is null;
create index profile_visit_by on profile_visit (visitor_id, user_id);  -- visits that a user made
create index gift_sent_sender on gift_sent (sender_id, id);

-- Users as others may see them. Whoever reads names of users for others joins this view instead of app_user.
create view visible_user as select id, username from app_user where deleted_at is null;

-- In the video's own row, so that the feed skips hidden videos by its index.
alter table video add column hidden boolean not null default false;  -- its user is deleted
drop index video_feed;
create index video_feed on video (id desc) where privacy = 'public' and not hidden;

create function hide_videos() returns trigger language plpgsql as $$
begin
    update video set hidden = new.deleted_at is not null where user_id = new.id;
    return null;
end $$;
create trigger hide_videos after update of deleted_at on app_user for each row
    when ((old.deleted_at is null) <> (new.deleted_at is null)) execute function hide_videos();

create table data_export (                                -- limits how often a user exports all data
    user_id     integer not null references app_user on delete cascade,
    exported_at timestamptz not null
);
create index data_export_user on data_export (user_id, exported_at);
