"""Free TCP ports, and who listens on them."""

from __future__ import annotations

import random
import socket

import psutil

FIRST_PORT = 20_000
LAST_PORT = 32_000
"""Below the range from which the system draws ports of outgoing connections (Linux: from 32768).

A listener there can be restarted on its port without meeting an outgoing connection, and a client that
reconnects while the listener is away cannot connect to itself.
"""
TRIES = 200


def find_port(preferred: int | None = None) -> int:
    """Return a port of 127.0.0.1 on which nothing listens now; another process may still take it first."""
    if preferred is not None and is_free(preferred):
        return preferred
    random_ports = random.SystemRandom()
    for _ in range(TRIES):
        port = random_ports.randint(FIRST_PORT, LAST_PORT)
        if is_free(port):
            return port
    raise RuntimeError(f"no free port on 127.0.0.1 between {FIRST_PORT} and {LAST_PORT}")


def find_ports(count: int) -> list[int]:
    """Return so many different free ports."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(find_port())
    return list(ports)


def is_free(port: int) -> bool:
    """Tell whether one could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listens_on(pid: int, port: int) -> bool:
    """Tell whether this very process listens on the port: somebody else's answer is no sign of life."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return any(found.status == psutil.CONN_LISTEN and found.laddr.port == port for found in connections)
