"""The whole platform as processes of this machine."""

from autodeal_devstack.stack.run_stack import running_stack
from autodeal_devstack.stack.stack import Stack

__all__ = ["Stack", "running_stack"]
