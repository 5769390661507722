"""Where a tenant creates, lists, rotates, revokes and verifies its keys; whether one is good, credentials/ says."""
