"""The embedded broker for a developer's cluster."""

from __future__ import annotations

from autodeal_devstack.containers.run_program import run_program
from autodeal_devstack.engines.kafka_embedded import broker_command


def run_kafka(port: int, advertised: str) -> int:
    """Serve on every address and send clients to `advertised` (`host:port`); return the exit code."""
    command = broker_command(listen=f"0.0.0.0:{port}", advertised=advertised)
    return run_program(command, environment={"RUST_LOG": "warn"})
