"""`make truth`: a labelled corpus of chains at modelled issuers, judged in every view and mode.

make truth                                     five chains of every kind at every issuer
make truth ARGS="--times 50 --seed 7"
make truth ARGS=--verbose                      every miss and every false finding, in words
"""

from __future__ import annotations

import argparse
import sys

from tests.truth.corpus import generate
from tests.truth.page import PAGE, written
from tests.truth.report import Report
from tests.truth.score import MODES, judge
from tests.truth.telling import VIEWS


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make truth", description=__doc__)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--times", type=int, default=5, help="chains of a kind at an issuer")
    arguments.add_argument("--verbose", action="store_true")
    arguments.add_argument("--page", action="store_true", help="renew the table of the page")
    asked = arguments.parse_args()
    if asked.page:
        PAGE.write_text(written(generate(1, 2)), "utf-8")
        return 0
    corpus = generate(asked.seed, asked.times)
    report = Report(corpus, (asked.seed, asked.times), verbose=asked.verbose)
    for view in VIEWS:
        for mode in MODES:
            report.judged(view, mode, judge(corpus, view, mode, asked.seed))
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
