-- The few keys and clients that list web origins, so that a start need not look at a million that list none.
CREATE INDEX api_keys_listing_origins ON api_keys (id)
    WHERE kind = 'publishable_key' AND revoked_at IS NULL AND CAST(allowed_origins AS TEXT) <> '[]';
CREATE INDEX oauth_clients_listing_origins ON oauth_clients (id)
    WHERE disabled_at IS NULL AND CAST(settings AS TEXT) LIKE '%"web_origins"%';
