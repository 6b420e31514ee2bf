"""The contender Quix Streams is installed with all that the pure engine imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.benchmarks.memory import ROOT

_IMPORTED = """import json, sys
before = set(sys.modules)
import grantline.engine, grantline.lineage.route, grantline.model.finding, grantline.wire.otlp
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules.keys() - before})))"""


def test_its_requirements_name_what_the_engine_imports() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED], check=True, capture_output=True, text=True
    )
    locked = set(
        re.findall(r"^([\w-]+)==", (ROOT / "tests/benchmarks/quix.lock").read_text(), re.MULTILINE)
    )
    distributions = packages_distributions()
    missing = {
        name: distributions[name]
        for name in json.loads(done.stdout)
        if name in distributions and name != "grantline"
        if not {each.lower().replace("_", "-") for each in distributions[name]} & locked
    }
    assert missing == {}
