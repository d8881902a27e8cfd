"""The gateway's HTTP routes: forwarded ones, people, the webhook, the API document."""
