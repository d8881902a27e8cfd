"""Two doors: what is reachable through each, for how long and how large, agrees with the gateway itself."""

from __future__ import annotations

from collections.abc import Iterator

from tests.charts.render_charts import Json, Release

from autodeal_platform.run_http import KEEP_ALIVE_SECONDS

ALB = "alb.ingress.kubernetes.io/"
TIDY_HEADERS = "routing.http.drop_invalid_header_fields.enabled=true"
NGINX = "nginx.ingress.kubernetes.io/"


def check_ingress(release: Release) -> Iterator[str]:
    """Host, paths, backend and TLS of each Ingress."""
    for ingress in release.of("Ingress"):
        way = ingress["metadata"]["name"].rpartition("-")[2]
        values, spec = release.values["ingress"][way], ingress["spec"]
        kind, paths = ("Exact", ["/webhook"]) if way == "webhook" else ("Prefix", values["paths"])
        backend = {"service": {"name": release.name, "port": {"name": "http"}}}
        wanted: Json = {
            "ingressClassName": release.values["ingress"]["controller"],
            "rules": [
                {
                    "host": values["host"],
                    "http": {
                        "paths": [{"path": path, "pathType": kind, "backend": backend} for path in paths]
                    },
                }
            ],
        }
        if values["tlsSecret"]:
            wanted["tls"] = [{"hosts": [values["host"]], "secretName": values["tlsSecret"]}]
        if spec != wanted:
            yield f"Ingress {way} is {spec}"
        annotations = ingress["metadata"].get("annotations", {})
        expected = alb(release, way) if wanted["ingressClassName"] == "alb" else nginx(release, way)
        if annotations != expected:
            yield f"Ingress {way}: annotations differ in {sorted(annotations.items() ^ expected.items())}"


def alb(release: Release, way: str) -> dict[str, str]:
    """Return what AWS's controller must be told."""
    values, settings = release.values["ingress"][way], release.values["settings"]
    idle, drain = idle_seconds(release), settings["HTTP_DRAIN_TIMEOUT_SECONDS"]
    wanted = {
        "group.name": f"{release.case.namespace}-{way}",
        "scheme": "internet-facing",
        "target-type": "ip",
        "listen-ports": '[{"HTTP":80},{"HTTPS":443}]',
        "ssl-redirect": "443",
        "ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "certificate-arn": values["certificateArn"],
        "wafv2-acl-arn": values["wafAclArn"],
        "inbound-cidrs": ",".join(values["inboundCidrs"]),
        "healthcheck-path": "/readyz",
        "healthcheck-interval-seconds": "5",
        "healthcheck-timeout-seconds": "3",
        "healthy-threshold-count": "2",
        "unhealthy-threshold-count": "2",
        "load-balancer-attributes": f"idle_timeout.timeout_seconds={idle},{TIDY_HEADERS}",
        "target-group-attributes": f"deregistration_delay.timeout_seconds={drain}",
    }
    return {ALB + key: value for key, value in wanted.items() if value}


def nginx(release: Release, way: str) -> dict[str, str]:
    """Return what ingress-nginx must be told."""
    values, settings = release.values["ingress"][way], release.values["settings"]
    limit = settings["WEBHOOK_BODY_LIMIT_BYTES" if way == "webhook" else "HTTP_BODY_LIMIT_BYTES"]
    wanted = {
        "proxy-body-size": str(limit),
        "proxy-read-timeout": str(idle_seconds(release)),
        "proxy-buffering": "off",
        "ssl-redirect": "true" if values["tlsSecret"] else "false",
        "whitelist-source-range": ",".join(values["inboundCidrs"]),
    }
    return {NGINX + key: value for key, value in wanted.items() if value}


def idle_seconds(release: Release) -> int:
    """Return how long a balancer keeps an idle connection: longer than the gateway keeps a silent stream."""
    return int(release.values["settings"]["STREAM_IDLE_SECONDS"]) + 5


def check_idle(release: Release) -> Iterator[str]:
    """A balancer never writes to a connection that the gateway just closed."""
    if release.of("Ingress") and idle_seconds(release) >= KEEP_ALIVE_SECONDS:
        yield f"balancers keep connections for {idle_seconds(release)} s, longer than the gateway"
