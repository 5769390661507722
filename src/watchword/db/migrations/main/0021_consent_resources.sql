-- What a user allowed a client at each resource: an object of scopes by resource. Empty in rows from before, where every
-- scope was taken to be allowed at every resource.
ALTER TABLE oauth_consents ADD COLUMN allowed JSON NOT NULL DEFAULT '{}';
