-- What a grant was made from by token exchange (RFC 8693): the names of what else must live for its tokens to live.
ALTER TABLE oauth_grants ADD COLUMN derived_from JSON NOT NULL DEFAULT '[]';
