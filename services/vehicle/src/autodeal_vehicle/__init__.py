"""Vehicles and orders on PostgreSQL: the selling half of the saga."""
