-- Counts that grow with history, kept as the counted rows are written. To count at each read took longer with each row.
create table counter (
    name       text not null,                         -- what is counted: user.videos, user.unseen_visits, sound.videos …
    subject_id bigint not null,                       -- of which user, which sound …
    slot       smallint not null,
    value      bigint not null,                       -- the sum over the slots is the count; one alone may be negative
    primary key (name, subject_id, slot)
) with (fillfactor = 50);                             -- room for the next version of a row on its own page

-- A written row is locked until its transaction ends. Connections that count the same subject write different rows, unless they share a slot.
create function counter_add(counted text, subject bigint, change bigint) returns void language plpgsql as $$
begin
    insert into counter as kept (name, subject_id, slot, value)
    values (counted, subject, pg_backend_pid() % 8, change)
    on conflict (name, subject_id, slot) do update set value = kept.value + excluded.value;
end $$;

-- Triggers on the counted tables write the counters, so every way of writing such a table keeps them right. They run once per statement: a trigger
-- per row would write the same counter once for each of its rows. Counters are written in the order of their keys, so that two statements that
-- count the same subjects wait for each other and do not deadlock.
create function count_videos() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform counter_add(name, subject, change) from (
            select name, subject, count(*) as change
            from added cross join lateral (values ('sound.videos', sound_id), ('user.videos', user_id)) as counted (name, subject)
            where subject is not null
            group by name, subject order by name, subject) as changes;
    elsif tg_op = 'DELETE' then
        perform counter_add(name, subject, change) from (
            select name, subject, -count(*) as change
            from removed cross join lateral (values ('sound.videos', sound_id), ('user.videos', user_id)) as counted (name, subject)
            where subject is not null
            group by name, subject order by name, subject) as changes;
    else
        perform counter_add(name, subject, change) from (
            select name, subject, sum(change) as change
            from (select 1 as change, sound_id, user_id from added union all select -1, sound_id, user_id from removed) as video
            cross join lateral (values ('sound.videos', sound_id), ('user.videos', user_id)) as counted (name, subject)
            where subject is not null
            group by name, subject having sum(change) <> 0 order by name, subject) as changes;
    end if;
    return null;
end $$;

create function count_unseen_visits() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform counter_add('user.unseen_visits', user_id, change) from (
            select user_id, count(*) as change from added where not seen group by user_id order by user_id) as changes;
    elsif tg_op = 'DELETE' then
        perform counter_add('user.unseen_visits', user_id, change) from (
            select user_id, -count(*) as change from removed where not seen group by user_id order by user_id) as changes;
    else
        perform counter_add('user.unseen_visits', user_id, change) from (
            select user_id, sum(change) as change
            from (select 1 as change, user_id, seen from added union all select -1, user_id, seen from removed) as visit
            where not seen
            group by user_id having sum(change) <> 0 order by user_id) as changes;
    end if;
    return null;
end $$;

-- Before the rows are counted: creating a trigger keeps other processes from writing the table until this migration is committed.
create trigger count_videos_inserted after insert on video
    referencing new table as added for each statement execute function count_videos();
create trigger count_videos_updated after update on video
    referencing new table as added old table as removed for each statement execute function count_videos();
create trigger count_videos_deleted after delete on video
    referencing old table as removed for each statement execute function count_videos();
create trigger count_visits_inserted after insert on profile_visit
    referencing new table as added for each statement execute function count_unseen_visits();
create trigger count_visits_updated after update on profile_visit
    referencing new table as added old table as removed for each statement execute function count_unseen_visits();
create trigger count_visits_deleted after delete on profile_visit
    referencing old table as removed for each statement execute function count_unseen_visits();

insert into counter (name, subject_id, slot, value)
select 'user.videos', user_id, 0, count(*) from video group by user_id
union all select 'sound.videos', sound_id, 0, count(*) from video where sound_id is not null group by sound_id
union all select 'user.unseen_visits', user_id, 0, count(*) from profile_visit where not seen group by user_id;
