"""Attribute docstrings: the strings below the fields of a class, parsed from its source. Python does not keep them."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Mapping
from itertools import pairwise


def field_notes(cls: type) -> dict[str, str]:
    """Attribute → docstring, with base classes in the same top-level package. Nested classes are not supported."""
    package = cls.__module__.partition(".")[0]
    notes: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] == package:
            notes |= _notes_in(base.__module__).get(base.__qualname__, {})
    return notes


@functools.cache
def _notes_in(module: str) -> Mapping[str, Mapping[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _notes_of(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _notes_of(cls: ast.ClassDef) -> dict[str, str]:
    notes = {}
    for statement, below in pairwise(cls.body):
        match statement, below:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                notes[name] = inspect.cleandoc(text)
    return notes
