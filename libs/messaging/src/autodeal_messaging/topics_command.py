"""The command that makes a service's topics, and says where those that exist differ."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import NoError, for_code

from autodeal_messaging.kafka_clients import make_admin
from autodeal_messaging.topics_admin import TopicsError, WantedTopic, ensure_topics

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

    from autodeal_messaging.kafka_settings import KafkaSettings, TopicSettings

VISIBLE_TIMEOUT_SECONDS = 15.0
"""How long a new topic may take until every broker knows it."""
LOOK_AGAIN_SECONDS = 0.2
MIN_INSYNC = "min.insync.replicas"


@dataclass(frozen=True)
class PlannedTopic:
    """A topic as the settings want it."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


def add_topics_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `topics` to a service's command line."""
    parser = commands.add_parser(
        "topics",
        help="make the topics that this service writes to or reads, then end",
        description="Makes what is missing and changes nothing that exists. A topic that exists with other "
        "partitions, replicas or settings is told in one line, and the command ends with 1.",
    )
    parser.add_argument("--allow-differences", action="store_true", help="tell of differences and end with 0")


async def run_topics(
    settings: TopicSettings, topics: Iterable[WantedTopic], *, allow_differences: bool
) -> int:
    """Make the topics; return the exit code. Any number of processes may do so at once.

    Raises TopicsError and KafkaError.
    """
    plan = [plan_topic(settings, topic) for topic in topics]
    await ensure_topics(settings, plan, replication_factor=settings.kafka_topic_replication)
    differences = await find_differences(settings, plan)
    for line in differences:
        sys.stderr.write(f"{line}\n")
    return 1 if differences and not allow_differences else 0


def plan_topic(settings: TopicSettings, topic: WantedTopic) -> PlannedTopic:
    """Return a topic as the settings want it."""
    return PlannedTopic(
        name=topic.name,
        partitions=settings.kafka_topic_partitions,
        replication=settings.kafka_topic_replication,
        config={**topic.config, MIN_INSYNC: str(settings.kafka_topic_min_insync_replicas)},
    )


async def find_differences(settings: KafkaSettings, plan: Sequence[PlannedTopic]) -> list[str]:
    """Return a line for each topic that is not as planned."""
    admin = make_admin(settings)
    try:
        await admin.start()
        found = await _describe(admin, [topic.name for topic in plan])
        configs = await _describe_configs(admin, [topic.name for topic in plan])
    finally:
        await admin.close()
    lines = []
    for topic in plan:
        faults = [*_compare_copies(topic, found[topic.name]), *_compare_config(topic, configs[topic.name])]
        if faults:
            lines.append(f"{topic.name}: {'; '.join(faults)}")
    return lines


async def _describe(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the topics once every one of them is known. Raises TopicsError when one stays unknown."""
    unknown: dict[str, str] = {}
    try:
        async with asyncio.timeout(VISIBLE_TIMEOUT_SECONDS):
            while True:
                described = {topic["topic"]: topic for topic in await admin.describe_topics(list(names))}
                unknown = {
                    name: error.__name__ for name in names if (error := _error_of(described.get(name)))
                }
                if not unknown:
                    return described
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        told = ", ".join(f"{name}: {error}" for name, error in unknown.items())
        raise TopicsError(f"made, but not to be seen: {told}") from None


def _error_of(topic: Mapping[str, Any] | None) -> type[Exception] | None:
    if topic is None:
        return LookupError
    error: type[Exception] = for_code(topic["error_code"])
    return None if error is NoError else error


async def _describe_configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for error_code, message, _type, name, entries in response.resources:
            error = for_code(error_code)
            if error is not NoError:
                raise TopicsError(f"{name}: {message or error.__name__}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def _compare_copies(topic: PlannedTopic, found: Mapping[str, Any]) -> list[str]:
    partitions = found["partitions"]
    faults = []
    if len(partitions) != topic.partitions:
        faults.append(f"has {len(partitions)} partitions, wanted {topic.partitions}")
    replicas = {len(partition["replicas"]) for partition in partitions}
    if replicas and replicas != {topic.replication}:
        counts = " or ".join(str(count) for count in sorted(replicas))
        faults.append(f"has {counts} replicas, wanted {topic.replication}")
    return faults


def _compare_config(topic: PlannedTopic, found: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is {found[name]}, wanted {wanted}"
        for name, wanted in topic.config.items()
        # A broker that does not know a setting does not tell it.
        if name in found and found[name] != wanted
    ]
