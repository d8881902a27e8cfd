"""What may stand in a chart's values, and what the values files say."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.charts.checks.all_checks import complaints
from tests.charts.choose_cases import ENVIRONMENTS, NGINX, REFUSED
from tests.charts.conftest import HELMS
from tests.charts.render_charts import CHARTS, SERVICES, Case, Json, RenderError, chart_writer, render

from autodeal_contracts.topics import TOPICS

SIZES = re.compile(
    r"(http|worker)\.(replicas|resources\..*|autoscaling\.(min|max)Replicas|keda\.(min|max)Replicas)"
    r"|topics\.partitions"
)
ADDRESSES = re.compile(
    r"image\.(registry|tag|digest)"
    r"|settings\.(AWS_REGION|DYNAMODB_TABLE|KAFKA_BOOTSTRAP_SERVERS|COGNITO_[A-Z_]+|[A-Z_]+_URL)"
    r"|identity\.irsaRoleArn|ingress\.(rest|webhook)\.(host|certificateArn|wafAclArn|inboundCidrs)"
    r"|networkPolicy\.(ingress|egress)\..*"
)
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
KEYS = re.compile(r"secrets\.keys\..*\.(remoteKey|property)")

WRONG: list[tuple[Json, str]] = [
    ({"http": {"replcas": 2}}, "replcas"),
    ({"http": {"replicas": "two"}}, "replicas"),
    ({"http": {"replicas": 0}}, "replicas"),
    ({"https": {}}, "https"),
    ({"image": {"digest": "sha256:abc"}}, "digest"),
    ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
    ({"settings": {"LOG_LEVELS": "INFO"}}, "LOG_LEVELS"),
    ({"settings": {"LOG_LEVEL": "LOUD"}}, "LOG_LEVEL"),
    ({"settings": {"HTTP_DRAIN_TIMEOUT_SECONDS": "20s"}}, "HTTP_DRAIN_TIMEOUT_SECONDS"),
    ({"settings": {"HTTP_PORT": 8080}}, "HTTP_PORT"),
    ({"settings": {"KAFKA_SASL_PASSWORD": "secret"}}, "KAFKA_SASL_PASSWORD"),
    ({"secrets": {"keys": {"NOT_A_SECRET": {}}}}, "NOT_A_SECRET"),
    ({"networkPolicy": {"egress": {"all": {"ports": [443]}}}}, "to"),
    ({"networkPolicy": {"egress": {"all": {"to": [], "ports": [443]}}}}, "to"),
    ({"migrations": {"enabled": "yes"}}, "enabled"),
    ({"topics": {"partitions": 0}}, "partitions"),
    ({"disruptionBudget": {"enable": False}}, "enable"),
    ({"spread": {"nodes": "Never"}}, "nodes"),
    ({"monitoring": {"rules": {"enable": True}}}, "enable"),
    ({"monitoring": {"rules": {"runbooks": "https://wiki.example/runbooks/"}}}, "runbooks"),
    ({"monitoring": {"rules": {"runbooks": "the wiki"}}}, "runbooks"),
]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(("overlay", "named"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_value_is_refused_by_name_when_rendered(
    charts: Path, overlay: Json, named: str, helm: str
) -> None:
    with pytest.raises(RenderError) as refused:
        render(Case("vehicle", "wrong", ("values-dev.yaml",), overlay), charts / "vehicle", helm=helm)
    assert named in str(refused.value)
    assert "schema" in str(refused.value)


@pytest.mark.parametrize(("case", "said"), REFUSED, ids=str)
def test_values_that_cannot_work_together_are_refused_when_rendered(
    charts: Path, case: Case, said: str
) -> None:
    with pytest.raises(RenderError, match=said):
        render(case, charts / case.chart)


def test_a_password_is_refused_when_it_stands_in_the_address(charts: Path) -> None:
    overlay = {"settings": {"DATABASE_URL": "postgresql://vehicle:secret@host:5432/vehicle"}}
    with pytest.raises(RenderError, match="DATABASE_URL"):
        render(Case("vehicle", "wrong", ("values-live.yaml",), overlay), charts / "vehicle")


@pytest.mark.parametrize("tag", ["5df6f936ab7c0dc5" * 4, f"_{'long-' * 13}", "v" * 128])
def test_any_tag_that_an_image_may_have_makes_a_valid_label(charts: Path, tag: str) -> None:
    release = render(
        Case("vehicle", "tag", ("values-dev.yaml",), {"image": {"tag": tag}}), charts / "vehicle"
    )
    for thing in release.objects:
        assert LABEL.fullmatch(thing["metadata"]["labels"]["app.kubernetes.io/version"])
    images = [
        container["image"]
        for thing in release.objects
        if thing["kind"] == "Deployment"
        for container in thing["spec"]["template"]["spec"]["containers"]
    ]
    assert [image.rpartition(":")[2] for image in images] == [tag, tag]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("chart", SERVICES)
def test_values_that_the_schema_allows_still_make_a_sound_release_when_drawn_at_random(
    charts: Path, chart: str, seed: int
) -> None:
    overlay = draw_values(chart, random.Random(f"{chart}{seed}"))
    case = Case(chart, "random", ("values-live.yaml",), overlay)
    assert list(complaints(render(case, charts / chart))) == []


def draw_values(chart: str, chance: random.Random) -> Json:
    """Return values such as an operator might choose."""
    resources = {"requests": {"cpu": "1500m", "memory": "1Gi"}, "limits": {"cpu": 2, "memory": "1536Mi"}}
    overlay: Json = {
        "image": chance.choice([{"tag": "v2"}, {"digest": "sha256:" + "0" * 64}, {"registry": "a.b:5000/c"}]),
        "http": {
            "replicas": chance.randint(1, 9),
            "resources": resources,
            "autoscaling": {"enabled": chance.random() < 0.5, "maxReplicas": chance.randint(5, 40)},
        },
        "settings": {
            "HTTP_DRAIN_DELAY_SECONDS": chance.choice([3, 7.25, 20]),
            "HTTP_DRAIN_TIMEOUT_SECONDS": chance.randint(5, 60),
            "KAFKA_DRAIN_TIMEOUT_SECONDS": chance.choice([1, 12.5]),
            "KAFKA_MAX_BATCH_BYTES": chance.randint(1, 2**31),
        },
        "arm64": {"required": chance.random() < 0.5},
        "disruptionBudget": {"enabled": chance.random() < 0.5},
        "spread": {
            "enabled": chance.random() < 0.5,
            "nodes": chance.choice(["DoNotSchedule", "ScheduleAnyway"]),
        },
        "networkPolicy": {"prometheusNamespace": "observability"},
        "topics": {"partitions": chance.choice([12, 48]), "enabled": chance.random() < 0.8},
        "monitoring": {"rules": {"enabled": chance.random() < 0.5}},
    }
    if chart != "gateway":
        overlay["worker"] = {
            "replicas": chance.randint(1, 9),
            "keda": {"enabled": chance.random() < 0.5, "mskIam": chance.random() < 0.5},
        }
    elif chance.random() < 0.5:
        overlay |= {"ingress": NGINX["ingress"]}
    return overlay


@pytest.mark.parametrize("chart", SERVICES)
def test_sandbox_and_live_differ_in_addresses_keys_and_sizes_alone(chart: str) -> None:
    sandbox, live = (Case(chart, name, (f"values-{name}.yaml",)).values for name in ("sandbox", "live"))
    differing = {path for path, _ in set(leaves(sandbox)) ^ set(leaves(live))}
    assert differing
    for path in differing:
        assert any(kind.fullmatch(path) for kind in (SIZES, ADDRESSES, KEYS)), path
    assert {path for path, _ in leaves(sandbox)} == {path for path, _ in leaves(live)}


def leaves(values: Json, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return the path and the text of each value."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, repr(value)


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("chart", SERVICES)
def test_no_values_file_holds_a_secret(chart: str, name: str) -> None:
    fields = chart_writer().settings_of(chart)
    values = Case(chart, name, (f"values-{name}.yaml",)).values
    for setting in values["settings"]:
        allowed = setting in chart_writer().WITHOUT_PASSWORD
        assert not fields[setting].secret or allowed, setting
    text = (CHARTS / chart / f"values-{name}.yaml").read_text("utf-8")
    assert not re.search(r"AKIA|BEGIN [A-Z ]*PRIVATE|APP_USR|TEST-|://[^/\s]*:[^/\s]*@", text)


def test_live_keeps_three_copies_and_as_many_partitions_as_the_contract_says() -> None:
    for chart in SERVICES:
        topics: dict[str, Any] = Case(chart, "live", ("values-live.yaml",)).values["topics"]
        assert topics["replication"] == 3
        assert {topic.partitions for topic in TOPICS} == {topics["partitions"]}
