"""The gateway's settings, read once in `main`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

from autodeal_messaging.kafka_settings import TopicSettings
from autodeal_platform.settings import CognitoSettings, HttpSettings, Secret

Seconds = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, kw_only=True)
class UpstreamSettings:
    """The services behind the gateway."""

    vehicle_url: str
    """Where the vehicle service is, as `http://host:port`."""
    payment_url: str
    """Where the payment service is, as `http://host:port`."""
    upstream_timeout_seconds: Seconds = 10.0
    """How long a forwarded request may take in all before it is answered with 504."""
    upstream_provider_timeout_seconds: Seconds = 25.0
    """The same for routes that wait for the payment provider inside."""
    upstream_connect_timeout_seconds: Seconds = 2.0
    """How long to wait for a connection, free or new, before the service counts as unreachable."""
    upstream_connections_max: Count = 256
    """Most connections to all services together, besides one for each event stream."""
    upstream_keep_alive_seconds: Seconds = 30.0
    """How long an idle connection is kept; it must be less than the services' own 75 seconds."""
    stream_idle_seconds: Seconds = 60.0
    """An event stream on which nothing came for so long is ended; it is longer than the heartbeat."""
    streams_max: Count = 1000
    """Most event streams that this process carries at a time."""


@dataclass(frozen=True, kw_only=True)
class TopicsSettings(TopicSettings):
    """What `topics` needs."""

    aws_region: str
    """The region of the user pool and of the brokers."""


@dataclass(frozen=True, kw_only=True)
class PeopleSettings:
    """The user pool, for registering people and looking them up."""

    cognito_user_pool_id: str
    """The user pool that people are registered in."""
    cognito_endpoint_url: str | None = None
    """Where Cognito's API is, for an emulator; by default that of the region."""


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """The payment provider's notifications."""

    webhook_secret: Secret
    """The secret that the provider signs notifications with."""
    webhook_secret_previous: Secret | None = None
    """The secret before the last change, accepted beside the new one until it is removed."""
    webhook_body_limit_bytes: Count = 65_536
    """A larger notification is refused with 413."""
    webhook_timeout_seconds: Seconds = 5.0
    """How long a notification may take to become durable before the provider is told to try again;
    the provider waits 22 seconds."""
    webhook_in_flight_max: Count = 500
    """Most notifications being stored at a time; one more is told to try again."""


@dataclass(frozen=True, kw_only=True)
class Settings(
    HttpSettings, CognitoSettings, TopicsSettings, UpstreamSettings, PeopleSettings, WebhookSettings
):
    """Everything the gateway is told from outside."""

    def webhook_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets that a notification may be signed with now, the current one first."""
        secrets = (self.webhook_secret, self.webhook_secret_previous)
        return tuple(secret.reveal().encode() for secret in secrets if secret)
