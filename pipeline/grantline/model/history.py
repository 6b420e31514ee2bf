"""One token's history: everywhere it was presented, in whichever chain.

Keyed by the token's fingerprint, so it also sees what a single chain cannot: the same token
under two root grants, or in a hop that names no root at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

import msgspec

from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import PRESENTS, Hop
from grantline.model.subject import Subject, Told
from grantline.model.task import Start

_LAST: Final = (1 << 63) - 1
SELF_TOLD: Final = 1 << 62
"""From this weight on, only the presenter itself tells of a presentation."""


class Presentation(Subject, array_like=True):
    """One appearance of the token."""

    span_id: str
    time: int
    act: int
    kind: int
    principal: str | None
    """Who presented it, by the name it is judged by; from the transport, not from the token."""
    workload: str | None
    """The presenter's full workload identity (SPIFFE id), where it has one."""
    proof: tuple[str, str] | None
    """How a key was proven on presentation, by a server's word, and the key's thumbprint. How is
    empty where that is not told."""
    service: str | None
    """Who reports it."""
    host: str | None
    """What it was presented to: the resource's URL as told, else `server.address`, lower case."""
    root_id: str | None
    """The root its span names; None where the span names none."""
    denied: bool
    """The span says that it was refused."""
    refused: bool
    """The same, or the server says so of a call that its client tells of here."""
    stated: bool
    risk: str | None
    action: str | None
    delegation_id: str | None
    who: str | None
    """The presenter as one comparable value: a name, or else a key."""
    arrived: int
    """Ingest time of its first report, milliseconds."""
    actor: str | None = None
    """Of an exchange, as are the next: who acts by what it brought."""
    client: str | None = None
    giver: str | None = None
    """Whom the authority is from."""
    meant: bool | None = None
    """Whether `host` is what the token is meant for; None where that cannot be told."""
    timed: bool = True
    """`time` can be compared with others."""

    @property
    def place(self) -> int:
        """Where it stands among others in time: last, where nobody knows."""
        return self.time if self.timed else _LAST

    @property
    def self_told(self) -> bool:
        """A client tells of itself, under its service's name: a name of another kind than the
        client id or workload that a server sees.
        """
        return self.kind in PRESENTS and self.who == self.service

    @property
    def weight(self) -> int:
        """Its place among those that may show who holds the token: what others tell comes first."""
        # Once a use: no other property is asked, for each is a call.
        place = self.time if self.timed and self.time < SELF_TOLD else SELF_TOLD - 1
        if self.kind in PRESENTS and self.who == self.service:
            return place + SELF_TOLD
        return place

    @property
    def naming(self) -> tuple[str, str]:
        """Presenter, and how its workload is named: only names of one kind are comparable."""
        return self.who or "", (self.workload or "").partition(":")[0]


class Issue(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is known of the token itself, merged over all sightings."""

    audiences: tuple[str, ...] | None = None
    expires_at: int | None = None
    token_type: str | None = None
    actor_id: str | None = None
    client_id: str | None = None
    subject: str | None = None
    actors: tuple[str, ...] | None = None
    delegation_id: str | None = None
    key: tuple[str, str] | None = None
    """How it is bound to a key (`cnf`), and the key's thumbprint."""
    may_act: tuple[str, ...] | None = None
    issuer: str | None = None


class Waiting(Subject, array_like=True):
    """A hop that names no root, until the root of its key is known."""

    hop: Hop
    arrived: int
    """Ingest time of its first report, milliseconds."""
    start: Start | None = None
    """The run it belongs to, of what has no name but its task's."""

    def content(self) -> tuple[object, ...]:
        # The broker may take the same span twice, at two times, of which one may be late.
        flags = tuple(flag for flag in self.hop.flags if flag == CLOCK_UNUSABLE)
        return (msgspec.structs.replace(self.hop, received=0, flags=flags),)


class Name(msgspec.Struct, eq=False, array_like=True):
    """What is known of one key of authority: where it leads, and who waits for that.

    Of a delegation's id, a jti or a task that is all there is to know.
    """

    key: str
    arrived: int
    """Ingest time of its first report, milliseconds; so is `last_arrival` of its last."""
    last_arrival: int
    ends_at: int = 0
    """When the authority dies, milliseconds; 0 if unknown."""
    issued: bool = False
    """Somebody reported that it was brought into being."""
    roots_known: set[str] = set()
    """Every root it was issued under or found to have: where waiting hops are sent."""
    doubted: frozenset[str] = frozenset()
    """Of a jti: those of `roots_known` that nobody told whose word joins two hops."""
    under: frozenset[str] = frozenset()
    """Keys of the chains without a root that what issued it stands in."""
    own: frozenset[str] = frozenset()
    """Keys of those that begin here: what waits was sent there, for nothing above is known."""
    followers: frozenset[str] = frozenset()
    """Of a jti: keys of the tokens that bear it, which are told what is known of the way up."""
    borne: bool = False
    """Of a jti: somebody reported the issue of a token that bears it."""
    same: bool = False
    """Of a token: its issue was told by its jti."""
    contested: bool = False
    """Of a token: the issue of a token with its jti was reported, which may be another one."""
    led: bool = False
    """Somebody reported what the authority came from: the gap, if any, lies further up."""
    below: bool = False
    """A hand-off or a renewal waits here: what is missing is said of the chain below."""
    waiting: Told[Waiting] = {}
    hops: int = 0
    touched: int = 0
    idle: int = 0

    @property
    def fingerprint(self) -> str | None:
        return None

    def judged(self) -> Iterable[Subject]:
        """What rules judge, beside what waits."""
        return ()

    @property
    def over_at(self) -> int:
        """When the authority is dead and its last hop in, milliseconds."""
        return max(self.last_arrival, self.ends_at)


class Task(Name, array_like=True):
    """What is known of a task's id: its runs, and what waits for one of them."""

    starts: list[Start] = []
    waits: list[tuple[int, int, Waiting]] = []
    """(time, number, what waits), in order. An index of `waiting`."""
    numbers: int = 0


Given: TypeAlias = tuple[str, str, str, str, str]
"""A delegation, as one of its reports tells whom it was given to: (root, key of its chain if that
has none, delegation, the issuer of the party's name as it is compared, the other party: of a person the agent, of an agent the person).
Empty text where nobody told it. A plain tuple: of those the collector of garbage lets go.
"""


class Party(Name, array_like=True):
    """What is known of a person, a session or an agent, under one of its keys. What waits is what
    revoked it.
    """

    given: dict[Given, tuple[int, int]] = {}
    """Each -> (when it was given, nanoseconds, by its earliest report; when its
    authority dies, milliseconds)."""
    tidied: int = 0
    """When what is over was let go last, milliseconds."""


class TokenHistory(Name, array_like=True):
    """All sightings of one token."""

    presentations: Told[Presentation] = {}
    refusals: set[str] = set()
    """Span ids of the clients whose call a server refused."""
    reports: dict[int, Issue] = {}
    issue: Issue = Issue()
    root_issued: str | None = None
    """The root named by the spans that issued it; the least, where they disagree."""
    root_known: str | None = None
    """The same, or found through its ancestors."""
    root_named: tuple[int, str, str] | None = None
    """(time, span id, root) of the earliest presentation that names a root."""
    holders: set[str] = set()
    """Names of the party it was issued to."""
    asked: bool = False
    """Among them is who asked the issuer for it, by its name in the transport."""
    earliest: tuple[int, str, str] | None = None
    """(`Presentation.weight`, span id, presenter) of the earliest named presentation."""
    rightful: frozenset[str] = frozenset()
    first_workload: dict[tuple[str, str], tuple[int, str, str]] = {}
    """(presenter, kind of workload name) -> (time, span id, workload), the earliest."""
    forwarders: set[str] = set()
    """Services that themselves received this token, and may hand it to what is behind them."""
    accepted_from: set[str] = set()
    """Presenters from whom a resource the token is meant for accepted it, and those from whom
    they in turn had it."""
    matched: bool = False
    """A resource the token is meant for accepted it."""
    by_presenter: dict[str, list[Presentation]] = {}
    """Who presented it -> its uses. An index of `presentations`, as is `by_service`."""
    by_taker: dict[str, list[Presentation]] | None = None
    """Who exchanged it -> the exchanges. Another index."""
    by_service: dict[str, list[Presentation]] = {}
    """Who reports -> the uses it reports."""
    root_told: str | None = None
    """The least root that its jti leads to; it counts where nobody reported the issue of the token."""
    asked_of: frozenset[str] = frozenset()
    """Keys of the jtis that were asked about the issue."""

    def judged(self) -> Iterable[Subject]:
        return self.presentations.values()

    def enter_taker(self, exchange: Presentation) -> None:
        """Index an exchange by who made it, if that is known."""
        if exchange.principal is not None:
            if self.by_taker is None:
                self.by_taker = {}
            self.by_taker.setdefault(exchange.principal, []).append(exchange)

    @property
    def seen_by_others(self) -> bool:
        """Who presented it first is told by somebody else."""
        return self.earliest is not None and self.earliest[0] < SELF_TOLD

    @property
    def fingerprint(self) -> str:
        return self.key[4:]

    @property
    def home(self) -> str | None:
        """The root the token belongs to: where it was issued, else where it first appeared."""
        told = self.root_issued or self.root_known or (None if self.issued else self.root_told)
        return told or (self.root_named and self.root_named[2])

    @property
    def path(self) -> tuple[str, ...]:
        """Actors from the human to the token's holder, as far as the token's issue tells."""
        if self.issue.actors:
            return tuple(entry.partition(" ")[2] or entry for entry in self.issue.actors)
        holder = self.issue.actor_id or self.issue.client_id
        return (self.issue.subject or "?", "…", holder or "?")


def subjects_of(name: Name) -> Iterator[Subject]:
    """Everything about `name` that rules judge."""
    yield from name.waiting.values()
    yield from name.judged()
