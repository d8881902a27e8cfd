"""Measurements of the path commit → outbox → Kafka → handler → commit, on real engines."""
