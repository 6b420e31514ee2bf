"""The words below a field: what a reader of the code sees is what a user sees."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise


def words_of(owner: type) -> dict[str, str]:
    """Field -> the docstring below it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    found: dict[str, str] = {}
    for field, below in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = " ".join(text.split())
    return found
