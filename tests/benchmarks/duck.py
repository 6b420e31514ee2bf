"""The contender of one's own: DuckDB, spans appended as they come, one SQL script a minute.

What it finds is compared as (reference, span): it has no words, no chain drawn, no severity.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.benchmarks import reader
from tests.benchmarks.chains import Planted
from tests.benchmarks.contender import Contender, Measured
from tests.benchmarks.expected import Different, Expected
from tests.benchmarks.load import Load
from tests.brokers import Broker

NAME = "DuckDB, a script a minute"


def measure(broker: Broker, load: Load, _expected: Expected, name: str) -> Measured:
    """Until the script has run over every span."""
    with tempfile.TemporaryDirectory(prefix="grantline-bench-") as home:
        path = str(Path(home) / "spans.duckdb")
        read = reader.run(broker, load, name, "duckdb", "tests.benchmarks.duck_app", path)
    said = json.loads(read.line)
    found = {Planted(*each) for each in said["found"]}
    if found != load.planted:
        raise Different(
            f"DuckDB missed {sorted(load.planted - found)[:5]}, found {sorted(found - load.planted)[:5]}"
        )
    return Measured(said["at"] - read.begin, read.used, len(found), said["script"])


CONTENDER = Contender(NAME, "a batch job: a finding waits for half a minute on average", measure)
