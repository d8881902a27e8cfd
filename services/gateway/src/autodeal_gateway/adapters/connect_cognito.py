"""The one Cognito client of the process. Making one takes a second, so it is made once."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import aioboto3  # type: ignore[import-untyped]  # the package ships no types
from botocore.config import Config

if TYPE_CHECKING:
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient

CONNECTIONS_MAX = 50
CONNECT_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 5.0
ATTEMPTS_MAX = 2
"""A first try and one repeat. Every call made here may be repeated; a person whose creation is
repeated is found unfinished, which registration heals."""


def connect_cognito(
    *, region: str, endpoint_url: str | None
) -> AbstractAsyncContextManager[CognitoIdentityProviderClient]:
    """Return the client, open within its context; credentials come from the environment or the pod.

    `endpoint_url` is for emulators.
    """
    client: AbstractAsyncContextManager[CognitoIdentityProviderClient] = aioboto3.Session().client(
        "cognito-idp",
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(
            max_pool_connections=CONNECTIONS_MAX,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"total_max_attempts": ATTEMPTS_MAX, "mode": "standard"},
            # Every request is built here from checked input; validating it again costs a millisecond.
            parameter_validation=False,
        ),
    )
    return client
