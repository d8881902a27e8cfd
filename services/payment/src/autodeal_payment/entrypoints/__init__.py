"""The ways in: HTTP, events, deadlines."""
