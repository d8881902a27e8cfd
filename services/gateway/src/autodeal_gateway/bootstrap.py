"""The only place where the gateway's parts are put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from litestar import Litestar

from autodeal_gateway.adapters.aiohttp_upstreams import AiohttpUpstreams
from autodeal_gateway.adapters.cognito_people import CognitoPeople
from autodeal_gateway.adapters.connect_cognito import connect_cognito
from autodeal_gateway.adapters.kafka_notification_log import KafkaNotificationLog
from autodeal_gateway.adapters.vehicle_orders import VehicleOrders
from autodeal_gateway.domain.route_table import Pace, Upstream
from autodeal_gateway.entrypoints.http.document_routes import document_routes
from autodeal_gateway.entrypoints.http.forward_requests import Forwarder, ForwardLimits
from autodeal_gateway.entrypoints.http.open_streams import OpenStreams
from autodeal_gateway.entrypoints.http.people_routes import people_routes
from autodeal_gateway.entrypoints.http.problem_statuses import STATUSES
from autodeal_gateway.entrypoints.http.webhook_route import WebhookLimits, webhook_route
from autodeal_gateway.settings import Settings, TopicsSettings
from autodeal_platform.aws_tokens import kafka_tokens
from autodeal_platform.health import Health
from autodeal_platform.http_app import create_app
from autodeal_platform.run_http import run_http
from autodeal_platform.tokens import TokenVerifier

SERVICE = "gateway"
AnyTopicSettings = TypeVar("AnyTopicSettings", bound=TopicsSettings)


def with_kafka_tokens(settings: AnyTopicSettings) -> AnyTopicSettings:
    """Return the settings with a source of tokens where the brokers want one; once in a process."""
    tokens = kafka_tokens(settings.kafka_sasl_mechanism, settings.aws_region)
    return replace(settings, kafka_tokens=tokens)


async def serve(settings: Settings) -> None:
    """Serve until the process is told to stop."""
    health = Health()
    async with open_gateway(settings, health) as app:
        await run_http(app, settings, health)


@asynccontextmanager
async def open_gateway(settings: Settings, health: Health) -> AsyncIterator[Litestar]:
    """Connect to everything and give the application; disconnect afterwards.

    Readiness hangs on none of the connections: with Kafka, Cognito or a service away, the gateway
    still answers everything else, and taking it away would help nobody.
    """
    async with AsyncExitStack() as stack:
        upstreams = _open_upstreams(settings)
        stack.push_async_callback(upstreams.close)
        log = KafkaNotificationLog(
            settings,
            timeout_seconds=settings.webhook_timeout_seconds,
            in_flight_max=settings.webhook_in_flight_max,
        )
        stack.push_async_callback(log.close)
        log.warm_up()
        cognito = await stack.enter_async_context(
            connect_cognito(region=settings.aws_region, endpoint_url=settings.cognito_endpoint_url)
        )
        people = CognitoPeople(
            cognito, user_pool_id=settings.cognito_user_pool_id, client_id=settings.cognito_client_id
        )
        streams = OpenStreams(limit=settings.streams_max)
        ending = asyncio.create_task(
            streams.end_when_draining(health, delay_seconds=settings.http_drain_delay_seconds)
        )
        stack.callback(ending.cancel)
        yield create_app(
            service=SERVICE,
            routes=[
                Forwarder(upstreams, streams, _forward_limits(settings)).route(),
                *people_routes(
                    people,
                    VehicleOrders(upstreams, timeout_seconds=settings.upstream_timeout_seconds),
                    _now,
                ),
                webhook_route(
                    log, WebhookLimits(settings.webhook_secrets, settings.webhook_body_limit_bytes), _now
                ),
                *document_routes(),
            ],
            settings=settings,
            health=health,
            statuses=STATUSES,
            verifier=TokenVerifier.from_settings(settings),
        )


def _open_upstreams(settings: Settings) -> AiohttpUpstreams:
    return AiohttpUpstreams(
        {Upstream.VEHICLE: settings.vehicle_url, Upstream.PAYMENT: settings.payment_url},
        # Streams keep their connections for long, so they come on top: they cannot use up the others'.
        connections_max=settings.upstream_connections_max + settings.streams_max,
        connect_timeout_seconds=settings.upstream_connect_timeout_seconds,
        keep_alive_seconds=settings.upstream_keep_alive_seconds,
    )


def _forward_limits(settings: Settings) -> ForwardLimits:
    return ForwardLimits(
        body_limit_bytes=settings.http_body_limit_bytes,
        timeout_seconds={
            Pace.PLAIN: settings.upstream_timeout_seconds,
            Pace.PROVIDER: settings.upstream_provider_timeout_seconds,
            Pace.STREAM: settings.upstream_timeout_seconds,
        },
        stream_idle_seconds=settings.stream_idle_seconds,
    )


def _now() -> datetime:
    return datetime.now(UTC)
