"""Engines as the one program of a container: fixed ports, every address, settings from the environment."""
