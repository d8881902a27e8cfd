"""`python -m autodeal_devstack.sandbox`: the payment provider of this machine."""

import os
import sys

from autodeal_devstack.sandbox.application import create_sandbox
from autodeal_devstack.sandbox.settings import SandboxSettings
from autodeal_platform.health import Health
from autodeal_platform.logs import configure_logging
from autodeal_platform.run_http import run_http, run_process
from autodeal_platform.settings import SettingsError, load_settings


async def serve(settings: SandboxSettings) -> None:
    """Serve until the process is told to stop."""
    health = Health()
    await run_http(create_sandbox(settings, health), settings, health)


def main() -> int:
    """Read the settings and serve; 2 when the settings are wrong."""
    try:
        settings = load_settings(SandboxSettings, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging("sandbox", settings.log_level)
    return run_process(serve(settings))


if __name__ == "__main__":
    sys.exit(main())
