-- A database that was put back knows less than the file beside the secrets: of a counter that both count up while a server runs, and of the
-- incarnations that there were.
alter table installation
    add column beat bigint not null default 0,
    add column earlier text[] not null default '{}';      -- incarnations before this one
