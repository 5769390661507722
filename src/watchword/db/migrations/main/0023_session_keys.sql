-- From when a key signs, in Unix milliseconds: other processes know it before. Those of old have always signed.
ALTER TABLE signing_keys ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;
