"""What a chart refuses to install on a cluster, seen by a server that answers helm as little as it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.charts.render_charts import NAMESPACE, Case, Json, RenderError, render_text

PLACE = re.compile(r"000000|replace-with|\.example(/|$)|^(1{12}|2{12})\.")
REFUSAL = re.compile(r"these values still hold a place for your own: (.*) \(docs/operating\.md#values")
ACCOUNTS = {"name": "serviceaccounts", "namespaced": True, "kind": "ServiceAccount", "verbs": ["get"]}
ANSWERS: dict[str, Json] = {
    "/version": {"major": "1", "minor": "35", "gitVersion": "v1.35.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [ACCOUNTS]},
    f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default": {"apiVersion": "v1", "kind": "ServiceAccount"},
}


class Handler(BaseHTTPRequestHandler):
    """An API server of one namespace with nothing in it but what Kubernetes puts there."""

    def do_GET(self) -> None:  # the base class's own name
        """Answer what is known."""
        found = ANSWERS.get(self.path.partition("?")[0])
        body = json.dumps(found or {"kind": "Status", "status": "Failure", "reason": "NotFound"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def stub_cluster() -> Iterator[str]:
    """Give the address of such a server for the length of a block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refused_values(case: Case, chart: Path, cluster: str, *, helm: str = "helm") -> list[str]:
    """Return the values for which a chart is not installed on a cluster."""
    try:
        render_text(case, chart, helm=helm, also=("--dry-run=server", "--kube-apiserver", cluster))
    except RenderError as error:
        found = REFUSAL.search(str(error))
        return found[1].split(", ") if found else []
    return []


def placeholders(values: Json, prefix: str = "") -> list[str]:
    """Return the paths of texts that only hold a place."""
    found = []
    for name, value in sorted(values.items()):
        if isinstance(value, dict):
            found += placeholders(value, f"{prefix}{name}.")
        elif isinstance(value, str) and PLACE.search(value):
            found.append(prefix + name)
    return found
