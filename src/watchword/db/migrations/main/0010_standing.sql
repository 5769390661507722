-- What somebody allowed ends with the membership: what stands of people who left before that was so.
UPDATE oauth_grants SET ended_at = created_at WHERE ended_at IS NULL AND user_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.tenant_id = oauth_grants.tenant_id
        AND m.user_id = oauth_grants.user_id);
DELETE FROM oauth_consents WHERE NOT EXISTS (SELECT 1 FROM memberships m
    WHERE m.tenant_id = oauth_consents.tenant_id AND m.user_id = oauth_consents.user_id);

-- Every table that goes with its client, or is asked by its user, is found by it without a look at all the rest.
CREATE INDEX oauth_access_tokens_client ON oauth_access_tokens (client_id);
CREATE INDEX oauth_consents_client ON oauth_consents (client_id);
CREATE INDEX oauth_consents_user ON oauth_consents (user_id);
CREATE INDEX oauth_requests_client ON oauth_requests (client_id);
CREATE INDEX oauth_device_codes_client ON oauth_device_codes (client_id);
