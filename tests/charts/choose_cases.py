"""The cases that the checks look at: the values files, and every switch thrown at least once each way."""

from __future__ import annotations

from tests.charts.render_charts import SERVICES, Case, Json

ENVIRONMENTS = ("dev", "sandbox", "live")

EVERYTHING: Json = {
    "image": {
        "tag": "1.2.3",
        "digest": "sha256:" + "a" * 64,
        "pullPolicy": "Always",
        "pullSecrets": ["registry-login"],
    },
    "identity": {"irsaRoleArn": "arn:aws:iam::222222222222:role/autodeal"},
    "trust": {"configMap": "certificates"},
    "spread": {"nodes": "DoNotSchedule"},
    "settings": {"KAFKA_MAX_BATCH_BYTES": 1048577, "COGNITO_LEEWAY_SECONDS": 0.5},
    "topics": {"secretKeys": ["KAFKA_SASL_PASSWORD"], "partitions": 24},
    "migrations": {"secretKeys": ["KAFKA_SASL_PASSWORD"]},
    "secrets": {
        "keys": {"KAFKA_SASL_PASSWORD": {"remoteKey": "autodeal/kafka"}},
        "externalSecret": {"enabled": True},
    },
    "networkPolicy": {"ingress": {"another": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}},
    "monitoring": {"rules": {"runbooks": "https://wiki.example/autodeal"}},
}
"""What the values files leave off."""

NOTHING: Json = {
    "networkPolicy": {"enabled": False},
    "topics": {"enabled": False},
    "migrations": {"enabled": False},
    "disruptionBudget": {"enabled": False},
    "spread": {"enabled": False},
}

OWN_EVERYTHING: dict[str, Json] = {
    "vehicle": {"worker": {"keda": {"mskIam": False}}},
    "payment": {"worker": {"keda": {"maxReplicas": 24}}},
    "gateway": {
        "ingress": {
            name: {
                "wafAclArn": "arn:aws:wafv2:sa-east-1:222222222222:regional/webacl/a/b",
                "inboundCidrs": ["192.0.2.0/24", "198.51.100.0/24"],
            }
            for name in ("rest", "webhook")
        }
    },
}

NGINX: Json = {
    "ingress": {
        "controller": "nginx",
        "rest": {"enabled": True, "host": "api.localhost", "tlsSecret": "rest-tls"},
        "webhook": {"enabled": True, "host": "hooks.localhost", "inboundCidrs": ["192.0.2.0/24"]},
    }
}

LIVE_SYNC: Json = {"liveSync": {"enabled": True}}


DRAIN_SETTINGS = ("HTTP_DRAIN_DELAY_SECONDS", "HTTP_DRAIN_TIMEOUT_SECONDS", "KAFKA_DRAIN_TIMEOUT_SECONDS")
TOO_MANY_CONSUMERS: Json = {"worker": {"keda": {"enabled": True, "maxReplicas": 13}}}

REFUSED: tuple[tuple[Case, str], ...] = (
    *(
        (
            Case(chart, "refused", ("values-live.yaml",), TOO_MANY_CONSUMERS),
            "maxReplicas is 13, more than the topics' 12 partitions",
        )
        for chart in ("vehicle", "payment")
    ),
    *(
        (
            Case("vehicle", "refused", ("values-dev.yaml",), {"settings": {name: None}}),
            f"{name} must be given",
        )
        for name in DRAIN_SETTINGS
    ),
)
"""What the templates must refuse, because the schema cannot, and what they say."""


def all_cases() -> list[Case]:
    """Return every case."""
    cases = [Case(chart, name, (f"values-{name}.yaml",)) for chart in SERVICES for name in ENVIRONMENTS]
    cases += [Case(chart, "defaults") for chart in SERVICES]
    cases += [Case(chart, "nothing", ("values-dev.yaml",), NOTHING) for chart in SERVICES]
    cases += [
        Case(chart, "everything", ("values-live.yaml",), EVERYTHING | OWN_EVERYTHING[chart])
        for chart in SERVICES
    ]
    cases += [Case(chart, "live-sync", ("values-dev.yaml",), LIVE_SYNC) for chart in SERVICES]
    cases += [
        Case(chart, "renamed", ("values-live.yaml",), release="shop", namespace="store") for chart in SERVICES
    ]
    cases.append(Case("gateway", "nginx", ("values-dev.yaml",), NGINX))
    return cases
