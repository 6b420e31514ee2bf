"""The cards of a picture: each human, the delegations below, and what was done with them.

A chain is a tree, so that every card but a human's hangs by one line, which is drawn as its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from grantline.draw.text import human
from grantline.draw.values import short
from grantline.model.hop import EVIDENCE_RANK
from grantline.model.plain import plain

Row = dict[str, Any]
Kind = Literal["human", "agent", "gap", "action", "folded"]
Strength = Literal["proven", "said", "unseen"]
"""What a line rests on: a party that could check it; somebody's word; nobody's."""

PROVEN: Final = EVIDENCE_RANK["introspection"]
"""The least evidence that is more than a caller's word."""

_ISSUES: Final = frozenset({"grant", "delegate"})
_ENDED: Final = frozenset({"TR-04", "TR-05"})
"""References of rules about authority that was revoked."""


@dataclass(slots=True)
class Card:
    """One box, and the line that leads to it."""

    id: int
    kind: Kind
    name: str
    above: int | None = None
    below: list[int] = field(default_factory=list)
    token: str = ""
    until: datetime | None = None
    revoked: datetime | None = None
    scopes: tuple[str, ...] | None = None
    """None where nobody said which."""
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Names that the delegator held, and this one does not."""
    violations: tuple[str, ...] = ()
    """References of the rules that object, as `SE-01`."""
    strength: Strength = "said"
    done: Counter[str] = field(default_factory=Counter)
    """Actions by name, and how often."""
    presenter: str | None = None
    """Where it is not the one who holds the authority."""
    refused: int = 0
    after: bool = False
    """Done after the authority was revoked."""
    alert: bool = False
    """The finding that was asked about is about this."""
    note: str = ""
    delegations: int = 0
    acts: int = 0
    """How many of each a folded card stands for."""


@dataclass(slots=True)
class Picture:
    """Cards by id; parents stand before their children."""

    cards: dict[int, Card]
    folded: list[str] = field(default_factory=list)
    """What was left out, a sentence each."""

    def tops(self) -> list[int]:
        return [card.id for card in self.cards.values() if card.above is None]

    def trail(self) -> set[int]:
        """The cards between a human and what the finding is about."""
        found: set[int] = set()
        for card in self.cards.values():
            at = card.id if card.alert else None
            while at is not None and at not in found:
                found.add(at)
                at = self.cards[at].above
        return found


def picture(tree: Sequence[Row], hops: Sequence[Row], finding: str | None = None) -> Picture:
    """What the rows of `tree` and `chain` show; `finding` is the id of one that is to be marked."""
    drawn = Picture({})
    for root_id in dict.fromkeys(row["root_id"] for row in [*tree, *hops]):
        _Root(
            drawn,
            root_id,
            [row for row in tree if row["root_id"] == root_id],
            [row for row in hops if row["root_id"] == root_id and not row["gap"]],
            finding,
        ).add()
    return drawn


class _Root:
    """One human and everything below."""

    def __init__(
        self,
        drawn: Picture,
        root_id: str | None,
        tree: Sequence[Row],
        hops: Sequence[Row],
        finding: str | None,
    ) -> None:
        self._cards = drawn.cards
        self._root_id = root_id
        self._tree = tree
        self._rows = {row["id"]: row for row in tree}
        self._finding = finding
        self._said: dict[str | None, list[Row]] = {}
        for hop in hops:
            owner = hop["delegation_id"] if hop["delegation_id"] in self._rows else None
            self._said.setdefault(owner, []).append(hop)

    def add(self) -> None:
        top = self._card("human", human(self._root_id, self._tree), None)
        places: dict[str, int] = {}
        for row in self._tree:
            hop_of = self._said.get(row["id"], [])
            above = places.get(row["parent_id"] or "", top.id)
            card = self._delegation(row, hop_of, above)
            places[row["id"]] = card.id
        for row in self._tree:
            self._actions(self._said.get(row["id"], ()), row, places[row["id"]])
        self._actions(self._said.get(None, ()), None, top.id)

    def _card(self, kind: Kind, name: str, above: int | None, **more: Any) -> Card:
        card = Card(len(self._cards), kind, name, above, **more)
        self._cards[card.id] = card
        if above is not None:
            self._cards[above].below.append(card.id)
        return card

    def _delegation(self, row: Row, hops: Sequence[Row], above: int) -> Card:
        if row["state"] == "gap":
            name = row["claimed_actor"] or "not reported"
            note = "the grant" if row["id"] == self._root_id else f"{row['id'][:8]}…"
            if row["elsewhere"]:
                note = "belongs to another chain"
            return self._card("gap", name, above, strength="unseen", note=note)
        issues = [hop for hop in hops if hop["operation"] in _ISSUES and not hop["refused"]]
        scopes, held = row["granted_scopes"], self._held(row)
        placed = row["hung_by"] is None and row["state"] != "unplaced"
        rank = max((EVIDENCE_RANK.get(hop["evidence"] or "", 0) for hop in issues), default=0)
        return self._card(
            "agent", row["actor_id"] or "?", above,
            token=short(row["token_fingerprint"]) if row["token_fingerprint"] else "",
            until=row["expires_at"],
            revoked=min(self._revocations(row["id"]), default=None),
            scopes=None if scopes is None else tuple(scopes),
            gained=tuple(row["gained_scopes"] or ()),
            lost=() if scopes is None else tuple(one for one in held if one not in scopes),
            violations=_violations(issues),
            strength=("proven" if rank >= PROVEN else "said") if placed else "unseen",
            alert=self._is_alert(issues),
        )  # fmt: skip

    def _held(self, row: Row) -> Sequence[str]:
        return self._rows.get(row["parent_id"], {}).get("granted_scopes") or ()

    def _revocations(self, delegation: str | None) -> list[datetime]:
        hops = self._said.get(delegation, ())
        return [hop["seen_at"] for hop in hops if hop["operation"] == "revoke" and hop["seen_at"]]

    def _ends(self, row: Row | None) -> datetime | None:
        """When it, or what it comes from, was first revoked."""
        line = [None] if row is None else [*(row["lineage"] or ()), row["id"]]
        return min((at for one in line for at in self._revocations(one)), default=None)

    def _actions(self, hops: Sequence[Row], row: Row | None, above: int) -> None:
        """A card for each system, presenter and standing: what was done while the authority stood
        is never summed with what was done after it had ended.
        """
        ended = self._ends(row)
        groups: dict[tuple[str, str, str, bool, bool], list[Row]] = {}
        for hop in _as_decided(hops):
            after = not _ENDED.isdisjoint(hop["violations"]) or (
                ended is not None and hop["seen_at"] is not None and hop["seen_at"] > ended
            )
            key = (
                hop["service"] or "?", hop["presenter"] or "?", hop["operation"], after,
                bool(hop["violations"]),
            )  # fmt: skip
            groups.setdefault(key, []).append(hop)
        for (service, presenter, operation, after, _), group in groups.items():
            holder = None if row is None else row["actor_id"]
            ranks = [EVIDENCE_RANK.get(hop["evidence"] or "", 0) for hop in group]
            self._card(
                "action", service, above,
                done=Counter(hop["action_name"] or operation for hop in group),
                presenter=presenter if presenter != holder else None,
                refused=sum(bool(hop["refused"]) for hop in group),
                after=after, violations=_violations(group), alert=self._is_alert(group),
                strength="unseen" if row is None else "proven" if max(ranks) >= PROVEN else "said",
            )  # fmt: skip

    def _is_alert(self, hops: Iterable[Row]) -> bool:
        return self._finding is not None and any(
            self._finding in hop["finding_ids"] for hop in hops
        )


def _as_decided(hops: Sequence[Row]) -> Iterator[Row]:
    """Uses, and exchanges that were refused. A use that both sides report is drawn once, as the
    side that had to decide saw it.
    """
    uses = [hop for hop in hops if hop["operation"] == "use"]
    verified = {hop["presenter"] for hop in uses if hop["service"] != hop["presenter"]}
    for hop in hops:
        own = hop["service"] == hop["presenter"] and hop["presenter"] in verified
        if (hop["operation"] == "use" and not own) or (
            hop["operation"] in _ISSUES and hop["refused"]
        ):
            yield hop


def _violations(hops: Iterable[Row]) -> tuple[str, ...]:
    return tuple(sorted({name for hop in hops for name in hop["violations"]}))


def done(card: Card) -> str:
    """What was done, how often, and how much of it was refused."""
    words = ", ".join(f"{plain(name)} ×{count}" for name, count in card.done.items())  # noqa: RUF001
    if card.refused:
        all_of_it = card.refused == card.done.total()
        words += " refused" if all_of_it else f", {card.refused} refused"
    return words


def described(drawn: Picture) -> list[str]:
    """The picture in words, a line for each line in it: for those who cannot see it."""
    lines = []
    for card in drawn.cards.values():
        if card.above is None:
            continue
        parts = [_words(drawn.cards[card.above]), "⇢" if card.strength == "unseen" else "→"]
        scopes = [f"+{one}" if one in card.gained else one for one in card.scopes or ()]
        parts += [f"[{', '.join(scopes)}]"] if scopes else []
        parts.append(_words(card))
        parts += [f"({', '.join(card.violations)})"] if card.violations else []
        lines.append(plain(" ".join(parts)))
    return lines


def _words(card: Card) -> str:
    words: Mapping[Kind, str] = {
        "action": f"{card.name}: {done(card)}", "gap": f"? {card.name}",
        "folded": f"… {card.name}",
    }  # fmt: skip
    by = f" by {card.presenter}" if card.presenter else ""
    after = " after the revocation" if card.after else ""
    return words.get(card.kind, card.name) + by + after
