-- Which of the stream's keys let a publisher in. After a restart this tells who still publishes with a key that was taken away.
alter table publish_session add column key_version integer;  -- none: let in before this column was there
