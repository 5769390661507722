-- Settings of a client are one JSON value: they are read and written whole, and no query looks into them.
ALTER TABLE oauth_clients ADD COLUMN kind TEXT NOT NULL DEFAULT 'confidential';
ALTER TABLE oauth_clients ADD COLUMN source TEXT NOT NULL DEFAULT 'administrator';
ALTER TABLE oauth_clients ADD COLUMN settings JSON NOT NULL DEFAULT '{}';
ALTER TABLE oauth_clients ADD COLUMN registration_hash BYTEA;

CREATE TABLE oauth_client_secrets (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    secret_hash BYTEA NOT NULL,
    last_characters TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX oauth_client_secrets_client ON oauth_client_secrets (client_id, id);

INSERT INTO oauth_client_secrets (id, client_id, secret_hash, last_characters, created_at)
SELECT 'sec' || substr(id, 4), id, secret_hash, '', created_at FROM oauth_clients WHERE secret_hash IS NOT NULL;
ALTER TABLE oauth_clients DROP COLUMN secret_hash;

-- Which key signs follows from the time alone: of those with active_at in the past, the youngest.
CREATE TABLE oauth_signing_keys (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    number BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    public_jwk JSON NOT NULL,
    created_at BIGINT NOT NULL,
    active_at BIGINT NOT NULL,
    ends_at BIGINT
);
CREATE UNIQUE INDEX oauth_signing_keys_number ON oauth_signing_keys (tenant_id, algorithm, number);

-- What a user, or nobody, allowed a client: tokens hang on it and end with it.
CREATE TABLE oauth_grants (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    mode TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT,
    scopes JSON NOT NULL,
    resources JSON NOT NULL,
    authenticated_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX oauth_grants_tenant ON oauth_grants (tenant_id, id);
CREATE INDEX oauth_grants_user ON oauth_grants (user_id, tenant_id, id);
CREATE INDEX oauth_grants_client ON oauth_grants (client_id, id);
CREATE INDEX oauth_grants_session ON oauth_grants (session_id);

CREATE TABLE oauth_consents (
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    scopes JSON NOT NULL,
    resources JSON NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id, client_id)
);

-- The parameters of an authorization request while a person decides, or after they were pushed.
CREATE TABLE oauth_requests (
    request_hash BYTEA PRIMARY KEY,
    purpose TEXT NOT NULL,
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    parameters JSON NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE oauth_codes (
    code_hash BYTEA PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    redirect_uri TEXT,
    code_challenge TEXT,
    nonce TEXT,
    dpop_jkt TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE oauth_device_codes (
    device_code_hash BYTEA PRIMARY KEY,
    user_code_hash BYTEA NOT NULL,
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    scopes JSON NOT NULL,
    resources JSON NOT NULL,
    interval_seconds BIGINT NOT NULL,
    polled_at BIGINT,
    decision TEXT,
    grant_id TEXT REFERENCES oauth_grants (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX oauth_device_codes_user_code ON oauth_device_codes (user_code_hash);

CREATE TABLE oauth_refresh_tokens (
    token_hash BYTEA PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    dpop_jkt TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX oauth_refresh_tokens_grant ON oauth_refresh_tokens (grant_id);

-- Opaque access tokens; of a signed one a row stands only when it was revoked before its end.
CREATE TABLE oauth_access_tokens (
    token_hash BYTEA PRIMARY KEY,
    jti TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    grant_id TEXT REFERENCES oauth_grants (id) ON DELETE CASCADE,
    claims JSON NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE TABLE oauth_revoked_tokens (
    jti TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
