-- Follows and requests of a user in one hour, for a limit.
create table follow_count (
    user_id integer primary key references app_user on delete cascade,
    hour    timestamptz not null,
    follows integer not null
);

-- The users with the most followers, whom suggestions start from. A job writes it.
create table popular_user (
    user_id   integer primary key references app_user on delete cascade,
    followers bigint not null
);

-- A user's newest public videos, however many others the user has.
create index video_public_of on video (user_id, id desc) where privacy = 'public' and not hidden;

-- Usernames that begin with a text, in databases of any locale.
create index app_user_username_prefix on app_user (lower(username) text_pattern_ops);
