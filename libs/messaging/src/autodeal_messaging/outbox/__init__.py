"""The outbox: what a relay reads, and how its shards are shared out."""
