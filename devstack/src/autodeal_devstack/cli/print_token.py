"""`autodeal token`: an access token of a made-up person."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace

from autodeal_devstack.cli.home import Home, State
from autodeal_devstack.engines.endpoints import Endpoints
from autodeal_devstack.stack.user_pool import UserPool


def print_token(group: str, number: int) -> None:
    """Print the token and nothing else. Raises NotRunningError."""
    state = Home().require()
    sys.stdout.write(asyncio.run(user_pool(state).token(group, number)) + "\n")


def user_pool(state: State) -> UserPool:
    """Return the running platform's user pool; keys of AWS itself come from the environment."""
    endpoints = Endpoints(cognito_url=state.cognito_url, aws_region=state.aws_region)
    if "AWS_ACCESS_KEY_ID" in os.environ and "AWS_SECRET_ACCESS_KEY" in os.environ:
        endpoints = replace(
            endpoints,
            aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        )
    return UserPool(endpoints=endpoints, pool_id=state.user_pool_id, client_id=state.client_id)
