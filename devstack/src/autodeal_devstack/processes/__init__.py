"""Child processes that never outlive the process that asked for them."""

from autodeal_devstack.processes.await_ready import ProcessFailedError, await_ready
from autodeal_devstack.processes.find_port import find_port, find_ports, listens_on
from autodeal_devstack.processes.in_thread import in_thread
from autodeal_devstack.processes.keeper import Keeper, KeptProcess
from autodeal_devstack.processes.python_command import python_command
from autodeal_devstack.processes.together import together

__all__ = [
    "Keeper",
    "KeptProcess",
    "ProcessFailedError",
    "await_ready",
    "find_port",
    "find_ports",
    "in_thread",
    "listens_on",
    "python_command",
    "together",
]
