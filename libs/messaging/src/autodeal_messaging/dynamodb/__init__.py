"""Outbox, inbox and deadlines as items of a service's one DynamoDB table."""
