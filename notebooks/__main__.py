"""`python notebooks [chain.svg]`: renew the picture of the chain that the README shows.

The same incident, question and drawing as in the notebook.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from asking import Asking, grantline
from incident import write

from grantline.draw.picture import picture
from grantline.draw.svg import svg

CHAIN = Path(__file__).parent / "chain.svg"
TITLE = "One grant, one stolen token: from the alert back to the human"


def main(arguments: list[str]) -> None:
    """Make the incident, investigate it, draw it."""
    with TemporaryDirectory() as folder:
        day, findings, store = (Path(folder) / name for name in ("day", "findings", "lineage"))
        write(day)
        grantline("replay", day, "--findings", findings, "--store", store, "--quiet")
        found = [json.loads(line) for line in findings.read_text("utf-8").splitlines()]
        alert = next(finding["id"] for finding in found if finding["severity"] == "critical")
        ask = Asking(store)
        tree, hops = (list(ask(f"FROM {name}($alert)", alert=alert)) for name in ("tree", "chain"))
        ask.close()
    drawn = svg(picture(tree, hops, alert), TITLE)
    (Path(arguments[0]) if arguments else CHAIN).write_text(drawn + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
