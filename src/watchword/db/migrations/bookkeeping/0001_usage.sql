CREATE TABLE credential_usage (
    credential_id TEXT PRIMARY KEY,
    last_used_at BIGINT NOT NULL
);

-- Windows of limits are worth no flush to the disk: after a crash of the server they begin anew.
CREATE UNLOGGED TABLE limit_windows (
    name TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (name, window_start)
);
