-- Counted up while a server runs, in the row and in the file beside the secrets: a row that is behind the file was put back.
alter table installation add column beat bigint not null default 0;
