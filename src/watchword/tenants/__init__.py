"""Tenants, their settings and plans, their members with one role each, and invitations by e-mail."""
