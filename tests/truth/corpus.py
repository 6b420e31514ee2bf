"""The corpus: every kind at every issuer that has the means, some times, and each one's twin."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import tests.truth.kinds  # noqa: F401 - lists the kinds
from grantline.model.hop import Hop
from tests.truth.kind import KINDS, Kind
from tests.truth.models.auth0 import Auth0
from tests.truth.models.authgent import Authgent
from tests.truth.models.base import Model
from tests.truth.models.entra import Entra
from tests.truth.models.keycloak import Keycloak
from tests.truth.models.loose import Loose
from tests.truth.models.okta import Okta
from tests.truth.models.sts import Sts
from tests.truth.scene import Scene
from tests.truth.telling import Telling

MODELS: Final[tuple[type[Model], ...]] = (Keycloak, Authgent, Entra, Auth0, Okta, Loose, Sts)
START: Final = 1_796_000_000
Fact = tuple[Any, ...]
# What says who wrote a fact down, and not what the fact is.
_OWN: Final = frozenset(
    {"span_id", "trace_id", "parent_span_id", "service_instance", "received", "actor_instance_id"}
)


@dataclass(frozen=True)
class Case:
    """One chain that lived through one kind at one issuer."""

    name: str
    kind: Kind
    model: type[Model]


@dataclass
class Corpus:
    """Cases, what each view knows of them, and what it would know of their honest twins."""

    cases: dict[str, Case] = field(default_factory=dict)
    told: Mapping[str, list[tuple[str, Hop]]] = field(default_factory=dict)
    """view -> (case, fact), in the order told."""
    twins: list[Mapping[str, Mapping[str, Counter[Fact]]]] = field(default_factory=list)
    """For each honest twin: view -> case -> its facts."""

    def undecidable(self, case: Case, view: str, known: Counter[Fact]) -> bool:
        """Whether `known` may be all that an honest twin's parties told, too."""
        return any(known <= twin[view].get(case.name, Counter()) for twin in self.twins)


def generate(seed: int, times: int) -> Corpus:
    """The corpus of a seed, every kind `times` times at every issuer."""
    corpus = Corpus()
    for model in MODELS:
        for kind in KINDS:
            if kind.suits(model.can):
                for number in range(times):
                    name = f"{seed}-{model.name}-{len(corpus.cases)}-{number}"
                    corpus.cases[name] = Case(name, kind, model)
    corpus.told = _run(corpus.cases.values(), 0)
    for twin in range(1, max(kind.twins for kind in KINDS) + 1):
        guilty = [case for case in corpus.cases.values() if case.kind.twins >= twin]
        told = _run(guilty, twin)
        corpus.twins.append({view: _by_case(facts) for view, facts in told.items()})
    return corpus


def _run(cases: Iterable[Case], twin: int) -> dict[str, list[tuple[str, Hop]]]:
    telling = Telling()
    with telling.parties:
        for case in cases:
            # Chains live side by side: seconds, and nothing else, lie between their starts.
            start = START + hash_of(case.name) % 600
            case.kind.plot(Scene(case.name, case.model, telling, start, twin=twin))
        return telling.views()


def hash_of(text: str) -> int:
    """The same number in every process."""
    return sum((index + 1) * ord(letter) for index, letter in enumerate(text))


def _by_case(told: Iterable[tuple[str, Hop]]) -> dict[str, Counter[Fact]]:
    found: defaultdict[str, Counter[Fact]] = defaultdict(Counter)
    for case, hop in told:
        found[case][fact(hop)] += 1
    return found


_FIELDS: Final = tuple(name for name in Hop.__struct_fields__ if name not in _OWN)
_ID: Final = _FIELDS.index("id")


def fact(hop: Hop) -> Fact:
    """A hop as what it says, whoever wrote it down under which number."""
    told = tuple(getattr(hop, name) for name in _FIELDS)
    if hop.refused and hop.token_fingerprint is None:
        return (*told[:_ID], None, *told[_ID + 1 :])  # the number of an attempt is drawn at random
    return told
