"""The command that makes topics: again and again, from several processes, and loud about differences."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, fields, replace

import pytest

from autodeal_messaging.kafka_settings import KafkaSettings, TopicSettings
from autodeal_messaging.topics_admin import TopicsError
from autodeal_messaging.topics_command import run_topics

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Wanted:
    name: str
    partitions: int = 1
    config: dict[str, str] = field(default_factory=lambda: {"retention.ms": "3600000"})


@pytest.fixture
def topic_settings(kafka_settings: KafkaSettings) -> TopicSettings:
    given = {each.name: getattr(kafka_settings, each.name) for each in fields(kafka_settings)}
    return TopicSettings(
        **given,
        kafka_topic_partitions=3,
        kafka_topic_replication=1,
        kafka_topic_min_insync_replicas=1,
    )


@pytest.fixture
def wanted(topic_prefix: str) -> list[Wanted]:
    return [Wanted(f"{topic_prefix}sale"), Wanted(f"{topic_prefix}payment"), Wanted(f"{topic_prefix}dlq")]


async def test_topics_are_there_and_nothing_is_told_when_three_jobs_make_them_at_once(
    topic_settings: TopicSettings, wanted: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    # Each service makes what it writes to or reads, so their lists overlap.
    jobs = [wanted, wanted[:2], wanted[1:]]
    codes = await asyncio.gather(*(run_topics(topic_settings, job, allow_differences=False) for job in jobs))
    assert codes == [0, 0, 0]
    assert await run_topics(topic_settings, wanted, allow_differences=False) == 0
    assert capsys.readouterr().err == ""


async def test_each_difference_is_told_in_one_line_and_nothing_grows_by_itself(
    topic_settings: TopicSettings, wanted: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_topics(topic_settings, wanted, allow_differences=False) == 0
    more = replace(topic_settings, kafka_topic_partitions=6)
    for _ in range(2):
        assert await run_topics(more, wanted[:2], allow_differences=False) == 1
        assert capsys.readouterr().err.splitlines() == [
            f"{topic.name}: has 3 partitions, wanted 6" for topic in wanted[:2]
        ]
    assert await run_topics(more, wanted, allow_differences=True) == 0
    assert len(capsys.readouterr().err.splitlines()) == 3


@pytest.mark.real
async def test_differing_settings_are_told_when_a_topic_was_made_otherwise(
    topic_settings: TopicSettings, wanted: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run_topics(topic_settings, wanted[:1], allow_differences=False) == 0
    other = [replace(wanted[0], config={"retention.ms": "7200000"})]
    durable = replace(topic_settings, kafka_topic_min_insync_replicas=2)
    assert await run_topics(durable, other, allow_differences=False) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{wanted[0].name}: retention.ms is 3600000, wanted 7200000; min.insync.replicas is 1, wanted 2"
    ]


@pytest.mark.real
async def test_it_fails_loudly_when_there_are_fewer_brokers_than_copies(
    topic_settings: TopicSettings, wanted: list[Wanted]
) -> None:
    with pytest.raises(TopicsError, match="replication"):
        await run_topics(replace(topic_settings, kafka_topic_replication=3), wanted, allow_differences=False)
