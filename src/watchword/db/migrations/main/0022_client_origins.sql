-- The network that a client came from by itself, while nobody has used it; NULL once somebody has, and for all others.
ALTER TABLE oauth_clients ADD COLUMN came_from TEXT;
UPDATE oauth_clients SET came_from = '' WHERE source <> 'administrator';
CREATE INDEX oauth_clients_came_from ON oauth_clients (tenant_id, source) WHERE came_from IS NOT NULL;
