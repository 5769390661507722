-- Names of client assertions and DPoP proofs that were used: each counts once while it is fresh.
CREATE TABLE seen_proofs (
    proof_hash BYTEA PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX seen_proofs_expires ON seen_proofs (expires_at);
