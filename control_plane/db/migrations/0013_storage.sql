-- The files in storage. A row is pending before its file is stored, kept while something uses it, and deleting until its file is gone.
create table stored_file (
    id         bigint generated always as identity primary key,
    name       text not null unique,
    kind       text not null,                             -- pictures, clips …: the folder of public files
    public     boolean not null,                          -- named by its content, for all; else a random name and signed addresses
    owner_id   integer references app_user on delete set null,
    bytes      bigint not null check (bytes >= 0),
    sha256     bytea not null,
    salt       bytea not null default substring(uuid_send(gen_random_uuid()) for 6),   -- signed into addresses: a new one ends them
    state      text not null default 'pending' check (state in ('pending', 'kept', 'deleting')),
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);
create index stored_file_unfinished on stored_file (changed_at) where state <> 'kept';
create index stored_file_owner on stored_file (owner_id);

-- What uses a file, such as `user/7/picture`. Equal content is one file with several uses.
create table file_use (
    used_by text not null,
    file_id bigint not null references stored_file,
    primary key (used_by, file_id)
);
create index file_use_file on file_use (file_id);

alter table app_user
    add column profile_pic_small text not null default '',
    add column profile_gif text not null default '',
    add column profile_video text not null default '';

-- Uploads of each user and day, for their limit.
create table upload_count (
    user_id integer not null references app_user on delete cascade,
    kind    text not null,
    day     date not null default (now() at time zone 'UTC')::date,
    uploads integer not null,
    primary key (user_id, kind, day)
);
create index upload_count_day on upload_count (day);
