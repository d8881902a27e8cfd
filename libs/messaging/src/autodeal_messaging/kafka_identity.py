"""Who a client is to the broker: nobody, a user with a password, or the bearer of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.helpers import create_ssl_context

if TYPE_CHECKING:
    from autodeal_messaging.kafka_settings import KafkaSettings, TokenSource

OAUTHBEARER = "OAUTHBEARER"


class KafkaIdentityError(ValueError):
    """The settings name no way to say who this process is."""

    code = "kafka_identity_incomplete"


class _Tokens(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Asks for a token each time a client connects: a broker may end a connection with its token's life."""

    def __init__(self, source: TokenSource) -> None:
        self._source = source

    async def token(self) -> str:
        """Return a valid token; raises what the source raises, to whoever connects."""
        return await self._source()


def identity_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Return what every client is told about encryption and identity. Raises KafkaIdentityError."""
    encrypted = settings.kafka_security_protocol in {"SSL", "SASL_SSL"}
    arguments: dict[str, Any] = {
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": create_ssl_context(cafile=settings.kafka_ca_file) if encrypted else None,
    }
    if not settings.kafka_security_protocol.startswith("SASL_"):
        return arguments
    arguments["sasl_mechanism"] = settings.kafka_sasl_mechanism
    if settings.kafka_sasl_mechanism == OAUTHBEARER:
        if settings.kafka_tokens is None:
            raise KafkaIdentityError("OAUTHBEARER needs a source of tokens")
        return arguments | {"sasl_oauth_token_provider": _Tokens(settings.kafka_tokens)}
    if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
        raise KafkaIdentityError(f"{settings.kafka_sasl_mechanism} needs a user name and a password")
    return arguments | {
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": settings.kafka_sasl_password.reveal(),
    }
