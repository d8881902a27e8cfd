"""Vehicles and orders on PostgreSQL, by SQLAlchemy Core and asyncpg."""
