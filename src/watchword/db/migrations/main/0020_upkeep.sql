-- Cleaning up finds what is over without a look at all that lives.
CREATE INDEX sessions_current_expires ON sessions (current_expires_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX one_time_codes_expires ON one_time_codes (expires_at);
CREATE INDEX oauth_logout_notices_created ON oauth_logout_notices (created_at);
