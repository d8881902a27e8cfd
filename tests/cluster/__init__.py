"""The charts on a real cluster: `make cluster-test`, or `python -m tests.cluster --help`."""
