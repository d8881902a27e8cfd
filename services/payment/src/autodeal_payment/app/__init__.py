"""Use cases, each in its own module, and the ports they need of the outside."""
