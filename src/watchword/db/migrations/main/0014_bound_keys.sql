-- The thumbprint (RFC 7638) of the public key that a secret key is bound to; NULL for a key that is bound to none.
ALTER TABLE api_keys ADD COLUMN dpop_jkt TEXT;
