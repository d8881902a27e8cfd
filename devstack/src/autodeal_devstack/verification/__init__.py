"""One purchase, step by step, of a platform that was just deployed."""
