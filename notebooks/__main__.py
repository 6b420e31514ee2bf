"""`python notebooks [chain.png]`: renew the picture of the chain that the README shows.

The same incident, question and drawing as in the notebook. The picture carries its own
description, so that a test can tell when it is out of date.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from asking import Asking, grantline
from chain_figure import draw_chain
from chain_graph import chain_graph, described
from incident import write
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

CHAIN = Path(__file__).parent / "chain.png"
TITLE = "One grant, one stolen token: from the alert back to the human"
_DOTS_AN_INCH = 130
_COLOURS = 48
"""Few colours make a small file; text stays smooth with these."""


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
    graph = chain_graph(tree, hops, alert)
    _save(draw_chain(graph, TITLE), Path(arguments[0]) if arguments else CHAIN, described(graph))


def _save(figure: Figure, path: Path, description: str) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_DOTS_AN_INCH)
    said = PngInfo()
    said.add_itxt("Description", description)
    image = Image.open(drawn).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True, pnginfo=said)


if __name__ == "__main__":
    main(sys.argv[1:])
