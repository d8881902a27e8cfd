"""The text literals that stand under a class's fields, which Python itself throws away."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise


def field_docstrings(cls: type[object]) -> dict[str, str]:
    """Return the text under each annotated field of `cls` and of the classes it inherits from.

    A class without source (made at run time) contributes nothing.
    """
    found: dict[str, str] = {}
    for owner in reversed(cls.__mro__[:-1]):
        found.update(_own_docstrings(owner))
    return found


def _own_docstrings(cls: type[object]) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return {}
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for statement, following in pairwise(definition.body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = following.value.value
            if isinstance(text, str):
                found[statement.target.id] = inspect.cleandoc(text)
    return found
