"""The whole platform as processes of this machine."""
