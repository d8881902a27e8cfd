"""A fault run for each mutation of the product: `python -m tests.chaos.run_mutations --seconds 40`.

Ends with 1 when one of them was not caught: then a clean verdict would mean nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos.mutate_product import MUTATIONS
from tests.chaos.run_chaos import run_chaos

STUCK_SECONDS = 15.0
"""What a mutation has lost never comes, so there is no need to wait for it for long."""


def main() -> int:
    """Run them one after the other."""
    parser = argparse.ArgumentParser(description="See that each mutation of the product is caught.")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(MUTATIONS))
    chosen = parser.parse_args()
    names = [chosen.only] if chosen.only else list(MUTATIONS)
    caught = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            report = asyncio.run(
                run_chaos(
                    seconds=chosen.seconds,
                    seed=chosen.seed,
                    logs=Path(folder),
                    mutation=name,
                    stuck_seconds=STUCK_SECONDS,
                )
            )
        caught.append(not report.verdict.clean)
        sys.stdout.write(f"{name}: {'caught' if caught[-1] else 'NOT CAUGHT'}\n  {report}\n")
        sys.stdout.flush()
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
