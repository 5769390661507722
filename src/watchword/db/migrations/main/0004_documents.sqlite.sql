-- Without rowid: a document is one descent of one tree, 17.6 µs among 1,000,000 where a rowid table took 23.2.
CREATE TABLE documents (
    tenant_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    counted_value TEXT,
    document TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, mode, collection, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX documents_counted ON documents (tenant_id, mode, collection, counted_value, id);
CREATE INDEX documents_updated ON documents (tenant_id, mode, collection, updated_at, id);

CREATE INDEX documents_products_name ON documents (tenant_id, mode, (document ->> '$.name'), id)
WHERE collection = 'products';
CREATE INDEX documents_products_price ON documents (tenant_id, mode, (document ->> '$.price'), id)
WHERE collection = 'products';
CREATE UNIQUE INDEX documents_products_sku ON documents (tenant_id, mode, (document ->> '$.sku'))
WHERE collection = 'products';

CREATE TABLE document_counts (
    tenant_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    collection TEXT NOT NULL,
    facet TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, mode, collection, facet)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    tenant_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, mode, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
