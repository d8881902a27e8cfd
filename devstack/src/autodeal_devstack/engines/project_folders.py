"""Where this project keeps what may be thrown away."""

from __future__ import annotations

import os
from pathlib import Path


def project_folder() -> Path:
    """Return the checkout that this package is installed from, else the working directory."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "requirements.lock").exists() and (folder / "devstack").is_dir():
            return folder
    return Path.cwd()


def engine_cache_folder() -> Path:
    """Return the folder of downloaded and prepared engines; `make` may remove it at any time."""
    chosen = os.environ.get("AUTODEAL_CACHE")
    folder = Path(chosen) if chosen else project_folder() / ".cache"
    engines = folder / "engines"
    engines.mkdir(parents=True, exist_ok=True)
    return engines.resolve()
