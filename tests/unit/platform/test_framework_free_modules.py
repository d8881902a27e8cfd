from __future__ import annotations

import subprocess
import sys

import pytest

FREE = ("errors", "idempotency", "json_codec", "money", "principal", "settings", "telemetry")
FRAMEWORKS = {"aiohttp", "jwt", "litestar", "prometheus_client", "structlog", "uvicorn"}


@pytest.mark.parametrize("module", FREE)
def test_no_framework_is_loaded_when_a_use_case_imports_a_free_module(module: str) -> None:
    program = f"import sys, autodeal_platform.{module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert set(loaded.stdout.split()) & FRAMEWORKS == set()
