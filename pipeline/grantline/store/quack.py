"""DuckDB's Quack extension, loaded from wheels: no download at run time.

Refuses, naming the cure, where the wheels are not installed or do not fit this DuckDB.
"""

from __future__ import annotations

import importlib
from importlib.resources import files
from typing import Final

import duckdb

_WHEELS: Final = (
    ("duckdb_extension_httpfs", "httpfs"),
    ("duckdb_extension_quack", "quack"),
)
"""In the order of loading: quack speaks HTTP through httpfs."""

LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class LiveSqlMissing(RuntimeError):
    """The extensions for live SQL are not installed."""


def load(connection: duckdb.DuckDBPyConnection) -> None:
    """Load Quack into `connection`'s database. Raises `LiveSqlMissing`."""
    for package, name in _WHEELS:
        try:
            importlib.import_module(package)
        except ImportError as why:
            raise LiveSqlMissing(
                f"live SQL needs DuckDB's {name} extension: pip install 'grantline[live]'"
            ) from why
        path = files(package) / "extensions" / f"v{duckdb.__version__}"
        path = path / f"{name}.duckdb_extension"
        if not path.is_file():
            raise LiveSqlMissing(
                f"the installed {package} is not for DuckDB {duckdb.__version__}: "
                "pip install 'grantline[live]' installs versions that fit"
            )
        connection.execute(f"LOAD {literal(str(path))}")


def literal(text: str) -> str:
    """`text` as an SQL string, whatever it holds."""
    return "'" + text.replace("'", "''") + "'"


def host_of(address: str) -> str:
    """The host of `quack:HOST[:PORT]`. Raises `ValueError` for anything else."""
    scheme, _, rest = address.partition(":")
    host = rest.rpartition(":")[0] if not rest.endswith("]") and ":" in rest else rest
    if scheme != "quack" or not host.strip("[]"):
        raise ValueError(f"{address!r} is no live SQL address: write quack:HOST:PORT")
    return host
