"""What every service needs at its edge: settings, logs, problems, tokens, idempotency, health, metrics."""
