"""Purchases of a platform that runs elsewhere: a load that knows what became of each of them."""
