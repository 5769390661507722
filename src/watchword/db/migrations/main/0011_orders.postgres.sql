CREATE UNIQUE INDEX "documents_orders_orderNumber"
ON documents (tenant_id, mode, ((document ->> 'orderNumber') COLLATE "C"))
WHERE collection = 'orders';
-- Nulls first, as in the order that SQLite gives.
CREATE INDEX documents_orders_email
ON documents (tenant_id, mode, ((document ->> 'email') COLLATE "C") NULLS FIRST, id)
WHERE collection = 'orders';

-- The server takes no statistics from partial indexes, and without them would walk through a whole collection.
CREATE STATISTICS documents_order_number_values ON ((document ->> 'orderNumber') COLLATE "C") FROM documents;
CREATE STATISTICS documents_email_values ON ((document ->> 'email') COLLATE "C") FROM documents;
