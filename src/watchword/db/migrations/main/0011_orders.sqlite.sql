CREATE UNIQUE INDEX "documents_orders_orderNumber" ON documents (tenant_id, mode, (document ->> '$.orderNumber'))
WHERE collection = 'orders';
CREATE INDEX documents_orders_email ON documents (tenant_id, mode, (document ->> '$.email'), id)
WHERE collection = 'orders';
