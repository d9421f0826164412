-- What users are told about others. An inbox numbers its entries under the lock of its row: so the numbers are in the order of the commits, a reader
-- that asks for entries above a number misses none, and the apps' 32 bits are enough.
create table inbox (
    user_id     integer primary key references app_user on delete cascade,
    last_number integer not null default 0
);
create table inbox_entry (
    receiver_id integer not null references app_user on delete cascade,
    number      integer not null check (number > 0),      -- the apps' id of the entry
    sender_id   integer not null references app_user on delete cascade,
    kind        text not null,
    stream_id   integer not null default 0,
    video_id    integer references video on delete cascade,
    room_id     integer not null default 0,
    subject_id  bigint not null default 0,                -- of what the entry is about, if it is neither a stream, a video nor a room
    text        text not null default '',
    status      smallint not null default 0 check (status between 0 and 2),  -- of an invitation: open, accepted, declined
    read        boolean not null default false,
    hidden      boolean not null default false,           -- the sender is banned or deleted, or one of the two blocks the other
    created_at  timestamptz not null default now(),
    primary key (receiver_id, number)
);
create index inbox_entry_pair on inbox_entry (receiver_id, sender_id, created_at);
create index inbox_entry_sender on inbox_entry (sender_id, hidden, created_at);
create index inbox_entry_video on inbox_entry (video_id) where video_id is not null;
create index inbox_entry_age on inbox_entry (created_at);

insert into inbox (user_id) select id from app_user;
create function open_inbox() returns trigger language plpgsql as $$
begin
    insert into inbox (user_id) select id from added;
    return null;
end $$;
create trigger open_inbox after insert on app_user referencing new table as added for each statement execute function open_inbox();

-- Counter user.unread, as in migration 0008: entries that are neither read nor hidden.
create function count_unread() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        -- In one statement, not by counter_add: an entry for each of many followers is one insert.
        insert into counter as kept (name, subject_id, slot, value)
        select 'user.unread', receiver_id, pg_backend_pid() % 8, count(*) from added where not read and not hidden
        group by receiver_id order by receiver_id
        on conflict (name, subject_id, slot) do update set value = kept.value + excluded.value;
    elsif tg_op = 'DELETE' then
        perform counter_add('user.unread', receiver_id, change) from (
            select receiver_id, -count(*) as change from removed where not read and not hidden
            group by receiver_id order by receiver_id) as changes;
    else
        perform counter_add('user.unread', receiver_id, change) from (
            select receiver_id, sum(change) as change
            from (select 1 as change, receiver_id, read, hidden from added
                union all select -1, receiver_id, read, hidden from removed) as entry
            where not read and not hidden
            group by receiver_id having sum(change) <> 0 order by receiver_id) as changes;
    end if;
    return null;
end $$;
create trigger count_unread_inserted after insert on inbox_entry
    referencing new table as added for each statement execute function count_unread();
create trigger count_unread_updated after update on inbox_entry
    referencing new table as added old table as removed for each statement execute function count_unread();
create trigger count_unread_deleted after delete on inbox_entry
    referencing old table as removed for each statement execute function count_unread();

-- Entries between two users are hidden while one of them blocks the other. Deferred to the commit, so that inboxes are locked after everything
-- else, as `tell` does.
create function hide_blocked_entries() returns trigger language plpgsql as $$
declare
    pair block := coalesce(new, old);
begin
    perform from inbox where user_id in (pair.blocker_id, pair.blocked_id) order by user_id for no key update;
    update inbox_entry set hidden = are_blocked(receiver_id, sender_id) or not exists (select from visible_user where id = sender_id)
    where (receiver_id, sender_id) in ((pair.blocker_id, pair.blocked_id), (pair.blocked_id, pair.blocker_id));
    return null;
end $$;
create constraint trigger hide_blocked_entries after insert or delete on block deferrable initially deferred
    for each row execute function hide_blocked_entries();

-- Entries of a user who is banned or deleted are hidden, and shown again afterwards: the first ones at once, so that it is exact for nearly all
-- users, the many of a star by a job.
create table inbox_hiding (sender_id integer primary key references app_user on delete cascade);
create function hide_entries_of(sender integer, most integer) returns integer language plpgsql as $$
declare
    changed integer;
begin
    if exists (select from visible_user where id = sender) then
        update inbox_entry set hidden = false
        where (receiver_id, number) in (
            select receiver_id, number from inbox_entry
            where sender_id = sender and hidden and not are_blocked(receiver_id, sender_id) limit most);
    else
        update inbox_entry set hidden = true
        where (receiver_id, number) in (
            select receiver_id, number from inbox_entry where sender_id = sender and not hidden limit most);
    end if;
    get diagnostics changed = row_count;
    return changed;
end $$;
create function hide_entries() returns trigger language plpgsql as $$
begin
    if hide_entries_of(new.id, 5000) = 5000 then
        insert into inbox_hiding (sender_id) values (new.id)
        on conflict (sender_id) do update set sender_id = excluded.sender_id;  -- waits for the job, which may be about to delete it
    end if;
    return null;
end $$;
create trigger hide_entries after update of deleted_at, banned_at on app_user for each row
    when ((old.deleted_at is null and old.banned_at is null) <> (new.deleted_at is null and new.banned_at is null))
    execute function hide_entries();
