"""The webhook's secret is rotated while notifications keep coming: none is refused that should pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.integration.gateway.conftest import RunningGateway, SettingsMaker, running_gateway
from tests.integration.gateway.test_webhook import TOPIC, kafka_of, notify

from autodeal_messaging.kafka_settings import KafkaSettings
from autodeal_messaging.topics_admin import ensure_topics
from autodeal_platform.secret import FileSecret

pytestmark = pytest.mark.integration


@dataclass
class Provider:
    """Notifies without a pause, signing with the secrets it has, in turn."""

    gateway: RunningGateway
    secrets: list[str]
    answers: list[tuple[str, int]] = field(default_factory=list)

    async def notify_for_ever(self) -> None:
        number = 0
        while True:
            number += 1
            secret = self.secrets[number % len(self.secrets)]
            status, _ = await notify(self.gateway, str(number), request_id=f"r-{number}", secret=secret)
            self.answers.append((secret, status))

    async def some_more(self) -> None:
        """Return after a few notifications that began after this call."""
        enough = len(self.answers) + 6
        async with asyncio.timeout(60):
            while len(self.answers) < enough:  # noqa: ASYNC110  another task's progress
                await asyncio.sleep(0.01)

    def refused(self) -> list[tuple[str, int]]:
        return [answer for answer in self.answers if answer[1] != 200]


async def test_no_genuine_notification_is_refused_when_the_secret_is_rotated(
    make_settings: SettingsMaker, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    await ensure_topics(kafka_settings, [TOPIC], replication_factor=1)
    current, previous = tmp_path / "WEBHOOK_SECRET", tmp_path / "WEBHOOK_SECRET_PREVIOUS"
    current.write_text("first")
    settings = make_settings(
        **kafka_of(kafka_settings),
        webhook_secret=FileSecret(current),
        webhook_secret_previous=FileSecret(previous, required=False),
    )
    async with running_gateway(settings) as gateway:
        provider = Provider(gateway, ["first"])
        notifying = asyncio.create_task(provider.notify_for_ever())
        await provider.some_more()
        previous.write_text("first")
        current.write_text("second")
        await provider.some_more()
        provider.secrets = ["first", "second"]
        await provider.some_more()
        provider.secrets = ["second"]
        await provider.some_more()
        previous.unlink()
        await provider.some_more()
        assert provider.refused() == []
        assert {secret for secret, _ in provider.answers} == {"first", "second"}
        notifying.cancel()
        assert (await notify(gateway, "1", secret="first"))[0] == 401
        assert (await notify(gateway, "1", secret="second"))[0] == 200
