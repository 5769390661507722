-- Clients that are named by the address of their own metadata document, in each tenant where somebody came with one.
CREATE TABLE oauth_client_documents (
    tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    document_uri TEXT NOT NULL,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    fetched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, document_uri)
);
CREATE INDEX oauth_client_documents_client ON oauth_client_documents (client_id);
CREATE INDEX oauth_clients_source ON oauth_clients (tenant_id, source);
