"""What ended, told to a tenant's own services at once."""
