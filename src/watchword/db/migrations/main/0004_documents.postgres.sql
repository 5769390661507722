-- Text is compared by code point (COLLATE "C"), as SQLite does, so that both give one order and one page.
CREATE TABLE documents (
    tenant_id TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    collection TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    counted_value TEXT COLLATE "C",
    document JSON NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, mode, collection, id)
);
CREATE INDEX documents_counted ON documents (tenant_id, mode, collection, counted_value, id);
CREATE INDEX documents_updated ON documents (tenant_id, mode, collection, updated_at, id);

CREATE INDEX documents_products_name ON documents (tenant_id, mode, ((document ->> 'name') COLLATE "C"), id)
WHERE collection = 'products';
-- A case, so that no document of another collection, whatever its price is, can fail a statement.
CREATE INDEX documents_products_price ON documents (
    tenant_id, mode,
    (CASE WHEN (document ->> 'price') ~ '^-?[0-9]{1,18}$' THEN (document ->> 'price')::bigint END),
    id
) WHERE collection = 'products';
-- Nulls first, as in the order that SQLite gives.
CREATE UNIQUE INDEX documents_products_sku
ON documents (tenant_id, mode, ((document ->> 'sku') COLLATE "C") NULLS FIRST)
WHERE collection = 'products';

-- The server takes no statistics from partial indexes, and without them would walk through a whole collection.
CREATE STATISTICS documents_name_values ON ((document ->> 'name') COLLATE "C") FROM documents;
CREATE STATISTICS documents_price_values
ON (CASE WHEN (document ->> 'price') ~ '^-?[0-9]{1,18}$' THEN (document ->> 'price')::bigint END) FROM documents;
CREATE STATISTICS documents_sku_values ON ((document ->> 'sku') COLLATE "C") FROM documents;

CREATE TABLE document_counts (
    tenant_id TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL,
    collection TEXT COLLATE "C" NOT NULL,
    facet TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, mode, collection, facet)
) WITH (fillfactor = 50);

CREATE TABLE idempotency_keys (
    tenant_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    key_hash BYTEA NOT NULL,
    request_hash BYTEA NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, mode, key_hash)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
