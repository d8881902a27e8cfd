"""Transactional messaging: outbox, relay, inbox, consumer, deadlines."""
