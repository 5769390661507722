-- What ended, for services that remember what they verified. Numbers grow in the order of the commits and follow the
-- clock (Unix microseconds), so that a database that was put back from a backup gives none of them a second time.
CREATE TABLE revocations (
    number BIGINT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    is_end BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX revocations_tenant ON revocations (tenant_id, number);
CREATE INDEX revocations_outlived ON revocations (tenant_id, number)
    WHERE is_end = 1 AND kind <> 'session' AND kind <> 'key';

-- Which grants were made from what (oauth_grants.derived_from), to be found by its end.
CREATE TABLE oauth_grant_origins (
    subject TEXT NOT NULL,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    PRIMARY KEY (subject, grant_id)
);
CREATE INDEX oauth_grant_origins_grant ON oauth_grant_origins (grant_id);
