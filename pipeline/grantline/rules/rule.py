"""What a detection is: a frozen value beside a pure function. Found by `every()`.

A rule is one file of this package. Its author writes `check` for one subject and never thinks
about the order in which facts arrive: the engine asks again whenever something it may have read
has changed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from grantline.model.approval import Citation
from grantline.model.chain import Chain, Delegation, Renewal, Use
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.history import Name, Presentation, TokenHistory, Waiting
from grantline.model.once import Once
from grantline.model.policy import Policy


class InChain(NamedTuple):
    """Where a chain rule stands while it looks at its subject."""

    chain: Chain
    policy: Policy


class InHistory(NamedTuple):
    """Where a token rule stands while it looks at its subject."""

    history: TokenHistory
    policy: Policy


class InName(NamedTuple):
    """Where a rule stands while it looks at a hop that waits under a key."""

    name: Name
    policy: Policy


Reads: TypeAlias = (
    type[Delegation] | type[Renewal] | type[Use] | type[Presentation] | type[Waiting]
    | type[Citation] | type[Once]
)  # fmt: skip
Hits: TypeAlias = Iterable[Hit]
"""What a rule says of one subject. Mostly nothing: `NONE` costs no generator."""
NONE: Final[tuple[Hit, ...]] = ()


class Status(StrEnum):
    """Maturity: a rule starts experimental and is promoted on evidence."""

    EXPERIMENTAL = "experimental"
    STABLE = "stable"


class Effect(StrEnum):
    """What an open finding does to the verdict on what it accuses (view `verdicts`)."""

    DENIES = "denies"
    """It was not authorised. While the finding is provisional, or of low confidence: unproven."""
    UNPROVES = "unproves"
    """Whether it was authorised cannot be told: a record is missing, or hints disagree."""
    NOTHING = "nothing"
    """The authority was there, whatever else is wrong; or nothing was done with it."""


class Reach(StrEnum):
    """How far the effect goes."""

    USE = "use"
    """The accused uses and exchanges alone."""
    BELOW = "below"
    """Also all that is done with a delegation that an accused span made, and below it."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One detection. `check` and `reads` belong together: `reads` says what it is handed."""

    id: str
    """Equal to the file name, with dashes."""
    references: tuple[str, ...]
    """Ids of the catalogue it covers, such as `TR-05`."""
    reads: Reads
    check: Callable[[Any, Any], Hits]
    effect: Effect
    reaches: Reach = Reach.USE
    title: str
    severity: Severity
    confidence: Confidence
    why: str
    triage: str
    blind_spots: str
    retracts_if: str
    maps: tuple[str, ...]
    """Framework ids: OWASP Agentic (ASI), OWASP NHI, ATT&CK (T), ATLAS (AML.T), RFCs."""
    status: Status = Status.EXPERIMENTAL
    absence: bool = False
    """It judges that something is missing, so it waits for the grace before it speaks."""
    needs: str | None = None
    """Without what it has nothing to say, and is not asked. Of a use a field of `Particulars`,
    `endings` of its chain, that it was `refused`, or that it shows `no token`; of a presentation `exchange`, `actor token` or `proof`."""
    policy: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """The fields of `Policy` without which it says nothing; its examples are judged under it."""
    fires: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Caption -> story (see `grantline.rules.story`) that must fire. Of a rule with several
    references the captions, here and in `late`, begin with the one that is meant: `TR-05: ...`."""
    quiet: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Caption -> near miss that must stay quiet."""
    late: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Caption -> story whose last fact comes late; it must end as the same facts in order do."""


def spoken_under(rules: Iterable[Rule], policy: Policy) -> list[Rule]:
    """Those to which `policy` gives something to say; the others need not be asked."""
    return [rule for rule in rules if all(getattr(policy, field) for field in rule.policy)]


@cache
def every() -> tuple[Rule, ...]:
    """All rules of this package, by id. A file with a `RULE` is a rule; nothing registers it."""
    package = __name__.rpartition(".")[0]
    found = []
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        rule = getattr(module, "RULE", None)
        if isinstance(rule, Rule):
            found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.id))
