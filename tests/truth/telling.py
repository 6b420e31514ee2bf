"""What is told of a corpus, by whom and when, and which case each fact is of."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any, Final

from grantline.emit import Emitter
from grantline.model.hop import SERVER, Hop
from tests.issuers.parties import ISSUER, Parties

AGENTS, ISSUERS, AUDIT, JOINED = "agents", "issuer", "audit", "agents+audit"
VIEWS: Final = (AGENTS, ISSUERS, AUDIT, JOINED)


class Telling:
    """Services live long: one emitter a party for all cases."""

    def __init__(self) -> None:
        self._time = 0
        self.parties = Parties(lambda: self._time)
        self._cases: defaultdict[str, list[str]] = defaultdict(list)
        self._audit: list[tuple[str, Hop]] = []

    def tells(self, party: str, case: str, time: int) -> Emitter:
        """The emitter of `party`, about to tell one fact of `case` that happens at `time`."""
        self._time = time
        self._cases[party].append(case)
        return self.parties.tells(party)

    def logs(self, case: str, operation: str, time: int, log: str, **fields: Any) -> None:
        """A row of an issuer's audit log: names of tokens, never their fingerprints."""
        number = len(self._audit)
        row = hashlib.sha256(f"{log} {number}".encode()).hexdigest()
        known = {name: value for name, value in fields.items() if value is not None}
        hop = Hop(row[:16], row[16:48], operation, time, SERVER, f"{log} audit log",
                  evidence="issuer", **known)  # fmt: skip
        self._audit.append((case, hop))

    def views(self) -> dict[str, list[tuple[str, Hop]]]:
        """Each view's facts, with the case each is of."""
        agents: list[tuple[str, Hop]] = []
        issuers: list[tuple[str, Hop]] = []
        for party, cases in self._cases.items():
            told = list(zip(cases, self.parties.hops_of(party), strict=True))
            (issuers if party == ISSUER else agents).extend(told)
        return {AGENTS: agents, ISSUERS: issuers, AUDIT: list(self._audit),
                JOINED: agents + self._audit}  # fmt: skip
