"""Outbox, inbox, deadlines and notifications on PostgreSQL."""
