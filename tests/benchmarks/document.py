"""The page with the figures: each part's tables stand between two comments that name the part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.report import Where, in_words
from tests.benchmarks.sheet import Part

PAGE = Path(__file__).with_name("README.md")


def renew(page: str, where: Where, parts: Mapping[str, Part]) -> str:
    """`page` with the tables of `parts`; the others stay as they are.

    Raises `ValueError` where the page has no place for a part.
    """
    for name, part in parts.items():
        text = "\n\n".join([*(sheet.as_markdown() for sheet in part.sheets), in_words(where)])
        page = put(page, name, text)
    return page


def put(page: str, name: str, text: str) -> str:
    """`page` with `text` between the comments that say `name`.

    Raises `ValueError` where there is no such place, or more than one.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"the page has {page.count(begin)} places for {name}, not one")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}\n\n{end}{rest.partition(end)[2]}"
