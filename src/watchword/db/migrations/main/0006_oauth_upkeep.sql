-- What is over is found by its end, and what hangs on a grant by the grant, without a look at all the rest.
CREATE INDEX oauth_grants_expires ON oauth_grants (expires_at);
CREATE INDEX oauth_grants_ended ON oauth_grants (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX oauth_requests_expires ON oauth_requests (expires_at);
CREATE INDEX oauth_codes_expires ON oauth_codes (expires_at);
CREATE INDEX oauth_codes_grant ON oauth_codes (grant_id);
CREATE INDEX oauth_device_codes_expires ON oauth_device_codes (expires_at);
CREATE INDEX oauth_device_codes_grant ON oauth_device_codes (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX oauth_refresh_tokens_expires ON oauth_refresh_tokens (expires_at);
CREATE INDEX oauth_access_tokens_expires ON oauth_access_tokens (expires_at);
CREATE INDEX oauth_access_tokens_grant ON oauth_access_tokens (grant_id) WHERE grant_id IS NOT NULL;
CREATE INDEX oauth_revoked_tokens_expires ON oauth_revoked_tokens (expires_at);
CREATE INDEX oauth_signing_keys_ends ON oauth_signing_keys (ends_at) WHERE ends_at IS NOT NULL;

-- Clients that have yet to be told that a session of theirs has ended (OpenID Connect Back-Channel Logout 1.0).
CREATE TABLE oauth_logout_notices (
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (client_id, session_id)
);
CREATE INDEX oauth_logout_notices_due ON oauth_logout_notices (due_at);
