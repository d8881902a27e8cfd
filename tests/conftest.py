"""Every kind of test may ask for engines; unit tests may not open sockets (see unit/conftest.py)."""

from __future__ import annotations

pytest_plugins = ["autodeal_devstack.pytest_engines"]
