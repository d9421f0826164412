-- Whether media truly flows from the present publisher, as the last probe saw it: online and playing differ.
alter table stream
    add column playing   boolean,                    -- none: nobody knows
    add column probed_at timestamptz,
    add column probe     jsonb;                      -- what was seen: way, picture size, codec, sound
