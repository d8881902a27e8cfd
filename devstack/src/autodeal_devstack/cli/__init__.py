"""The `autodeal` command line."""
