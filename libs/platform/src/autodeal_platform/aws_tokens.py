"""Tokens that AWS's servers take instead of a password, signed with the pod's own identity.

Signing needs no call to AWS but for the credentials, which botocore gets from EKS Pod Identity, from
IRSA, or from the environment, and renews itself. It renews them at least ten minutes before they end,
so a token signed with them outlives its use here. Needs the extra `aws`.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from autodeal_platform.fresh_token import FreshToken, IssuedToken
from autodeal_platform.settings import SettingsError

MILLISECONDS = 1000
DATABASE_TOKEN_SECONDS = 900
"""How long RDS takes a token; it says so nowhere in the token itself."""


def kafka_tokens(mechanism: str, region: str | None) -> FreshToken | None:
    """Return where a Kafka client's tokens come from, None when its mechanism needs none.

    To be called once in a process: all its clients share the token. Raises SettingsError.
    """
    if mechanism != "OAUTHBEARER":
        return None
    if region is None:
        raise SettingsError("KAFKA_SASL_MECHANISM=OAUTHBEARER needs AWS_REGION")
    return msk_tokens(region)


def msk_tokens(region: str) -> FreshToken:
    """Return the tokens by which this process is known to an MSK cluster with IAM access control."""

    def issue() -> IssuedToken:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

        text, expires_at_ms = MSKAuthTokenProvider.generate_auth_token(region)
        return IssuedToken(text, expires_at_ms / MILLISECONDS)

    return FreshToken("kafka", issue)


def database_tokens(region: str, *, host: str, port: int, user: str) -> FreshToken:
    """Return the tokens by which this process is `user` to an RDS server with IAM authentication."""

    def issue() -> IssuedToken:
        expires_at = time.time() + DATABASE_TOKEN_SECONDS
        text = _rds_client(region).generate_db_auth_token(
            DBHostname=host, Port=port, DBUsername=user, Region=region
        )
        return IssuedToken(text, expires_at)

    return FreshToken("database", issue)


@cache
def _rds_client(region: str) -> Any:  # noqa: ANN401  botocore makes its clients' classes at run time
    """Make the client once; it keeps its credentials fresh and is safe to use from any thread."""
    from botocore.session import Session

    return Session().create_client("rds", region_name=region)
