"""Write the charts' generated rules and dashboards: `python -m tools.write_monitoring [--check]`.

Rules that several services share stand once in `k8s/monitoring/rules`, with SERVICE for the name. A
chart's other rules are its own and written by people.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tools.dashboards.messaging import MESSAGING
from tools.dashboards.provider import PROVIDER
from tools.dashboards.purchases import PURCHASES

ROOT = Path(__file__).parents[1]
SHARED_RULES = ROOT / "k8s" / "monitoring" / "rules"
SERVICES = {
    "vehicle": ("messaging", "service"),
    "payment": ("messaging", "service"),
    "gateway": ("service",),
}
"""Which shared rules each chart brings."""
DASHBOARDS = {"gateway/purchases": PURCHASES, "vehicle/messaging": MESSAGING, "payment/provider": PROVIDER}
"""Which chart brings which dashboard."""


def main() -> int:
    """Write the files anew; with --check, only say which are stale."""
    check = "--check" in sys.argv[1:]
    stale = [
        (path, text) for path, text in generated_files() if not path.exists() or path.read_text() != text
    ]
    for path, text in stale:
        if check:
            sys.stderr.write(f"stale: {path.relative_to(ROOT)} (make generate)\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


def generated_files() -> Iterator[tuple[Path, str]]:
    """Yield each generated file with what should be in it."""
    for service, names in SERVICES.items():
        for name in names:
            source = SHARED_RULES / f"{name}.yaml"
            text = source.read_text(encoding="utf-8").replace("SERVICE", service)
            note = f"# Written by tools/write_monitoring.py from {source.relative_to(ROOT)}.\n"
            yield ROOT / "charts" / service / "rules" / f"{name}.yaml", note + text
    for place, dashboard in DASHBOARDS.items():
        service, name = place.split("/")
        yield ROOT / "charts" / service / "dashboards" / f"{name}.json", dashboard.to_json()


if __name__ == "__main__":
    sys.exit(main())
