"""Measurements: each a ratio against a limit or a peer taken in the same run."""
