"""What starts a use case: an HTTP request, an event, a deadline, a migration."""
