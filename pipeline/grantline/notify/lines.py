"""A page as labelled lines, the same words for every destination that shows text."""

from __future__ import annotations

from typing import Final

from grantline.model.page import Page

_NAMES_SHOWN: Final = 20


def lines(page: Page) -> list[tuple[str, str]]:
    """(label, words), what matters first; what is not known is left out, or said to be so."""
    seen = page.first_seen
    if page.last_seen != page.first_seen:
        seen += f" to {page.last_seen}"
    times = f"{page.uses} time{'' if page.uses == 1 else 's'}"
    told = [
        ("what", page.claim),
        ("goes on", page.going_on),
        ("whose", page.assignee or page.acknowledged_by or ""),
        ("chain", " -> ".join(page.path[:_NAMES_SHOWN])),
        ("grant", page.root_id or "not seen"),
        ("let in", page.outcome),
        ("actors", names(page.actors, page.actor_count)),
        ("revoked", _revoked(page)),
        ("issuer", page.issuer or "not told"),
        ("jti", page.jti or "not told"),
        ("end it", page.revoke),
        ("reach", page.reach),
        *[("fact", f"{name}: {value}") for name, value in list(page.facts.items())[:_NAMES_SHOWN]],
        ("seen", f"{seen}, {times}"),
        ("found", ", ".join(f"{name} ({number})" for name, number in page.references.items())),
        ("signals", f"{page.signals} below what pages anyone" if page.signals else ""),
        ("confidence", f"{page.confidence}; taken back if: {page.retracts_if}"),
        ("do", page.do),
        ("runbook", page.runbook),
        ("rule", page.rule),
        ("finding", page.finding["id"]),
        ("incident", f"{page.id}, message {page.dedup_key}"),
        ("as of", page.as_of),
    ]
    return [(label, words) for label, words in told if words]


def names(first: list[str], count: int, shown: int = 5) -> str:
    """The first names, and how many more there are."""
    more = count - min(len(first), shown)
    return ", ".join(first[:shown]) + (f" and {more} more" if more > 0 else "")


def _revoked(page: Page) -> str:
    if page.revoked_at is None and page.revoked_by is None:
        return ""
    return f"{page.revoked_at or 'when is not told'}, by {page.revoked_by or 'nobody named'}"
