-- Who is held to one mode lists the keys and clients of that mode without a look at all those of the other.
CREATE INDEX api_keys_mode ON api_keys (tenant_id, mode, id);
CREATE INDEX oauth_clients_mode ON oauth_clients (tenant_id, mode, id);
