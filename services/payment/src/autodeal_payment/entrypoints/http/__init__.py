"""The routes under `/payment`."""
