-- Reads whose cost grew with the history of the installation.
create index video_sound on video (sound_id);
create index gift_sent_stream_time on gift_sent (stream_id, created_at);
drop index stream_gifter_top;
create index stream_gifter_top on stream_gifter (stream_id, coins desc, user_id);  -- ties too, in the order they are shown
