"""The page's table: for each detection, the views whose facts decide it, and what the rest lack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.truth.corpus import Corpus, Fact, fact
from tests.truth.kind import KINDS, Kind
from tests.truth.telling import VIEWS

PAGE: Final = Path(__file__).with_name("README.md")
_BEGIN, _END = "<!-- table: make truth ARGS=--page -->\n", "<!-- end of the table -->\n"


def table(corpus: Corpus) -> str:
    """Markdown, from what the corpus's own facts decide."""
    lines = [
        f"| what is done | finding | {' | '.join(VIEWS)} | for the rest |",
        "|---" * (len(VIEWS) + 3) + "|",
    ]
    known = {view: _known(corpus, view) for view in VIEWS}
    for kind in sorted((k for k in KINDS if k.due), key=lambda kind: sorted(kind.due)):
        cells = [_cell(corpus, kind, view, known[view]) for view in VIEWS]
        due = " or ".join(sorted(kind.due))
        lines.append(f"| {kind.name} | {due} | {' | '.join(cells)} | {kind.rest} |")
    return "\n".join(lines) + "\n"


def _cell(corpus: Corpus, kind: Kind, view: str, known: Mapping[str, Counter[Fact]]) -> str:
    decided: dict[str, bool] = {}
    for case in corpus.cases.values():
        if case.kind == kind:
            own = not corpus.undecidable(case, view, known.get(case.name, Counter()))
            decided[case.model.name] = decided.get(case.model.name, True) and own
    some = sorted(name for name, own in decided.items() if own)
    if not some:
        return "no"
    return "yes" if len(some) == len(decided) else f"at {', '.join(some)}"


def _known(corpus: Corpus, view: str) -> dict[str, Counter[Fact]]:
    found: dict[str, Counter[Fact]] = {}
    for case, hop in corpus.told[view]:
        found.setdefault(case, Counter())[fact(hop)] += 1
    return found


def written(corpus: Corpus) -> str:
    """The page with its table renewed."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{table(corpus)}{_END}{after}"
