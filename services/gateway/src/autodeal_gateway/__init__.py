"""The edge: routing, tokens, people, webhooks, one API document."""
