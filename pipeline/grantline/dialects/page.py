"""The page of the dialects: what each is known for, as a table in Markdown."""

from __future__ import annotations

from grantline.dialects.dialect import Dialect
from grantline.dialects.known import BY_TYPE, EVERY

_HEAD = (
    "Dialect", "Told by", "A scope means one thing", "`act` holds", "Revocation cascades",
    "An exchange may gain", "A child may outlive its parent", "From",
)  # fmt: skip
_ACTORS = {
    "nested": "the actors, nested",
    "inverted": "the delegator",
    "none": "nothing: there is none",
}
_DOMAINS = {"issuer": "at the issuer", "resource": "at one audience of it", None: "?"}


def table() -> str:
    """All dialects, one a line; `?` is what nobody promises or forbids."""
    lines = [_line(*_HEAD), _line(*("---" for _ in _HEAD))]
    return "\n".join([*lines, *(_line(*_cells(spoken)) for spoken in EVERY)]) + "\n"


def _cells(spoken: Dialect) -> tuple[str, ...]:
    return (
        f"[{spoken.name}]({spoken.name}.py)",
        _told_by(spoken),
        _DOMAINS[spoken.scope_domain],
        _ACTORS[spoken.actors],
        _answer(spoken.cascades),
        _answer(None if spoken.attenuates is None else not spoken.attenuates),
        _answer(None if spoken.shorter_lived is None else not spoken.shorter_lived),
        spoken.source,
    )


def _told_by(spoken: Dialect) -> str:
    ways = [
        way
        for way, is_one in (
            ("header", spoken in BY_TYPE.values()),
            ("issuer", spoken.issuers is not None),
            ("claims", spoken.shaped is not None),
            ("answer", spoken.answer is not None),
        )
        if is_one
    ]
    return ", ".join(ways) or "default"


def _answer(known: bool | None) -> str:
    return "?" if known is None else "yes" if known else "no"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
