-- From when a key signs, in Unix milliseconds: other processes know it before. Those of old signed as they were made.
ALTER TABLE signing_keys ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;
UPDATE signing_keys SET active_at = created_at;
