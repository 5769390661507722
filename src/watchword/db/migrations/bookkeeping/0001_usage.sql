CREATE TABLE credential_usage (
    credential_id TEXT PRIMARY KEY,
    last_used_at BIGINT NOT NULL
);

CREATE TABLE limit_windows (
    name TEXT NOT NULL,
    window_start BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    PRIMARY KEY (name, window_start)
);
